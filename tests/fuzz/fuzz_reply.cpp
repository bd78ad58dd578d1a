// Whatever a backend says: the client asks for the body only when it may be sent, and never hangs or crashes.
#include "fuzz_input.hpp"
#include "smtp/client_session.hpp"

using namespace gatepost;
using fuzz::require;
using Action = smtp::ClientSession::Action;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  smtp::Envelope envelope;
  envelope.sender = "a@remote.example";
  for (unsigned i = 0; i <= input.random() % 3; ++i)
    envelope.recipients.push_back({"r" + std::to_string(i) + "@example.org", ""});
  const auto tls = static_cast<smtp::ClientTls>(input.random() % 3);
  smtp::ClientSession session("mx.example.org", tls);
  auto action = session.greet();
  for (auto rest = input.text; !rest.empty() && action != Action::close;) {
    session.output().clear();
    switch (action) {
      case Action::read: action = session.feed(input.portion(rest, 60)); break;
      case Action::start_tls: action = session.tls_started(); break;
      case Action::ready:
      case Action::done:
        if (!session.reusable()) return 0;
        action = session.transact(envelope);
        require(session.output().ends_with("\r\n"));
        break;
      case Action::body: {
        const auto& replies = session.replies();
        require(replies.mail->positive() && replies.rcpts.size() == envelope.recipients.size() &&
                replies.data->code == 354);
        for (const auto& reply : replies.rcpts) require(reply.positive());
        action = session.body_sent();
        break;
      }
      case Action::close: break;
    }
  }
  return 0;
}

#include "fake_backend.hpp"

#include "core/base/text.hpp"
#include "naive_data.hpp"

namespace gatepost::tests {
namespace {

std::string between_brackets(const std::string& line) {
  const auto start = line.find('<');
  const auto end = line.find('>', start);
  return start == std::string::npos || end == std::string::npos ? ""
                                                                : line.substr(start + 1, end - start - 1);
}

}  // namespace

std::shared_ptr<FakePeer> FakeBackend::accept() {
  ++connections;
  auto peer = std::make_shared<FakePeer>();
  auto dialogue = std::make_shared<Dialogue>();
  peer->on_written = [this, raw = peer.get(), dialogue](std::string_view bytes) {
    on_written(*raw, *dialogue, bytes);
  };
  peers.push_back(peer);
  say(*peer, banner);
  return peer;
}

bool FakeBackend::say(FakePeer& peer, const std::string& reply) {
  if (reply == stall) return true;
  if (reply == hang_up) {
    peer.end();
    return false;
  }
  peer.send(reply + "\r\n");
  return true;
}

void FakeBackend::on_written(FakePeer& peer, Dialogue& dialogue, std::string_view bytes) {
  if (peer.ended || peer.reset) return;
  dialogue.input.append(bytes);
  if (dialogue.in_data && !interruption.empty() && (dialogue.octets += bytes.size()) >= interrupt_after) {
    say(peer, interruption);
    peer.end();
    return;
  }
  while (dialogue.in_data ? take_message(peer, dialogue) : take_line(peer, dialogue)) continue;
}

bool FakeBackend::take_line(FakePeer& peer, Dialogue& dialogue) {
  const auto end = dialogue.input.find("\r\n");
  if (end == std::string::npos) return false;
  const auto line = dialogue.input.substr(0, end);
  dialogue.input.erase(0, end + 2);
  commands.push_back(line);
  auto reply = answer(line);
  const auto default_reply = usual(line, dialogue);
  if (reply.empty()) reply = default_reply;
  if (base::istarts_with(line, "RCPT") && reply[0] == '2')
    dialogue.message.recipients.push_back(between_brackets(line));
  dialogue.in_data = base::istarts_with(line, "DATA") && reply.starts_with("354");
  return say(peer, reply);
}

std::string FakeBackend::usual(const std::string& line, Dialogue& dialogue) {
  const auto verb = base::to_upper(line.substr(0, 4));
  if (verb == "EHLO") {
    std::string reply;
    for (std::size_t i = 0; i <= extensions.size(); ++i) {
      reply += (i == 0 ? "" : "\r\n") + std::string(i == extensions.size() ? "250 " : "250-") +
               (i == 0 ? "inside.local" : extensions[i - 1]);
    }
    return reply;
  }
  if (verb == "MAIL") {
    dialogue.message = {};
    dialogue.message.sender = between_brackets(line);
  }
  if (verb == "QUIT") return "221 bye";
  if (verb == "DATA") return dialogue.message.recipients.empty() ? "554 no recipients" : "354 go";
  return "250 2.0.0 ok";
}

bool FakeBackend::take_message(FakePeer& peer, Dialogue& dialogue) {
  const auto data = naive_data(dialogue.input);
  if (!data) return false;
  dialogue.message.content = data->content;
  dialogue.input.erase(0, data->consumed);
  dialogue.in_data = false;
  dialogue.octets = 0;
  whole.push_back(dialogue.message);
  const auto reply = judge(dialogue.message);
  if (reply[0] == '2') delivered.push_back(dialogue.message);
  dialogue.message = {};
  return say(peer, reply);
}

net::Task<base::Result<std::unique_ptr<net::Stream>>> FakeConnector::connect(std::string host,
                                                                             std::uint16_t port,
                                                                             net::Deadline&) {
  auto& backend = backends[host + ":" + std::to_string(port)];
  if (backend.refuses_connections)
    co_return base::Failure{"cannot connect to " + host + ": Connection refused"};
  co_return std::unique_ptr<net::Stream>(std::make_unique<FakeStream>(context_, backend.accept()));
}

}  // namespace gatepost::tests

// Drives one smtp::ServerSession over a net::Stream: knows sockets, time and buffers, but no SMTP.
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/net/one_shot.hpp"
#include "core/net/stream.hpp"
#include "core/state/spill.hpp"
#include "gateway/desk.hpp"
#include "gateway/held_back.hpp"

namespace gatepost::gateway {

/// Command buffers of one thread; idle sessions have none.
class BufferPool {
 public:
  explicit BufferPool(std::size_t size) : size_(size) {}
  std::size_t size() const { return size_; }
  std::unique_ptr<char[]> get();
  void put(std::unique_ptr<char[]> buffer);

 private:
  static constexpr std::size_t keep = 64;
  std::size_t size_;
  std::vector<std::unique_ptr<char[]>> free_;
};

/// What sessions of one thread share.
struct SessionContext {
  net::asio::io_context& io;
  const base::Clock& clock;
  state::ChunkPool& chunks;
  state::SpillStore& spill;
  BufferPool& buffers;
  HeldBack& held_back;  ///< in all threads
  /// Puts TLS on a client's connection.
  std::function<std::unique_ptr<net::Stream>(std::unique_ptr<net::Stream>)> start_tls;
};

class Session final
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>,
      private smtp::ServerHost {
 public:
  struct Start {
    std::unique_ptr<net::Stream> stream;
    smtp::ConnectFacts facts;
    bool expects_proxy = false;            ///< the peer is a load balancer: a PROXY header comes first
    std::optional<smtp::Reply> turn_away;  ///< overload: say this and close
  };
  /// `settings` are kept for the session's life.
  Session(SessionContext& context, std::shared_ptr<const smtp::ServerSession::Settings> settings,
          std::unique_ptr<Desk> desk, Start start);

  /// Runs until the connection is closed; the session has been recorded then.
  net::Task<void> run();

  /// Called every 250 ms on the session's thread.
  void sweep(base::Instant now);
  /// The program stops: an idle session ends now, a busy one after its transaction, at once if `hard`.
  void shut_down(bool hard);
  /// Transactions begun so far.
  unsigned transactions() const { return machine_.transaction_number(); }
  /// Records a session whose run() has ended by an exception.
  void abandon();

 private:
  /// What a step that needs no waiting came to.
  enum class Progress {
    stepped,    ///< step_ is the next one
    want_read,  ///< wait for the client
    want_write,
  };

  // smtp::ServerHost
  smtp::Extensions extensions() const override { return desk_->extensions(); }
  bool has_room() const override { return desk_->has_room(); }
  state::ChunkPool& chunks() override { return context_.chunks; }
  void refused(smtp::Stage stage, const smtp::Reply& reply, std::string_view subject) override {
    desk_->refused(stage, reply, subject);
  }
  void transaction_ended(const smtp::TransactionRecord& record) override;

  net::Task<void> let_others();
  net::Task<bool> read_proxy_header();
  net::Task<void> consult_slowly(smtp::Stage stage);
  net::Task<void> deliver();
  net::Task<void> start_tls();
  net::Task<void> pause(base::Millis delay);
  net::Task<void> hold_back(base::Millis delay);
  net::Task<void> spill();
  net::Task<void> flush(base::Millis patience);
  net::Task<void> linger();

  Progress read_commands();
  Progress read_body();
  Progress read_into(std::span<char> space, std::size_t& got);
  bool consult(smtp::Stage stage, bool again);
  bool try_flush();
  void look_for_early_talk();
  void take_step(smtp::Step step);
  void interrupted();
  void lost();
  bool client_gone();
  bool wants_spill();

  std::string_view input() const { return {buffer_.get() + begin_, end_ - begin_}; }
  std::span<char> input_space();
  void keep(std::string_view rest);
  void drop_buffer();
  void set_deadline(base::Millis patience);
  void set_body_deadline();
  base::Instant session_end() const { return started_ + settings_->options.max_session_time; }
  void close_record();

  SessionContext& context_;
  std::shared_ptr<const smtp::ServerSession::Settings> settings_;
  std::unique_ptr<Desk> desk_;
  std::unique_ptr<net::Stream> stream_;
  net::Deadline deadline_;
  net::OneShot<bool>* pause_ = nullptr;  ///< to be ended by setting it; null: there is none
  smtp::ServerSession machine_;
  smtp::Step step_{smtp::Action::read};
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;  ///< of buffer_
  std::size_t begin_ = 0;     ///< what is in it and not yet taken
  std::size_t end_ = 0;
  base::Instant started_;
  base::Instant body_started_{};
  base::Instant body_read_{};  ///< when the message was last waited for
  base::Instant transaction_started_{};
  std::uint64_t octets_in_ = 0;
  std::uint64_t octets_out_ = 0;
  std::uint64_t body_octets_ = 0;
  std::optional<smtp::Reply> turn_away_;
  bool expects_proxy_;
  unsigned steps_ = 0;  ///< since the thread was last left to others
  bool health_check_ = false;
  bool waiting_ = false;   ///< for the client, to read or write
  bool watching_ = false;  ///< the sweep looks whether the client is still there
  bool draining_ = false;
  bool spilled_ = false;
  bool broken_ = false;    ///< nothing can be written any more
  bool readable_ = false;  ///< reading is worth a try before waiting
  bool recorded_ = false;
  telemetry::Close how_ = telemetry::Close::quit;
};

}  // namespace gatepost::gateway

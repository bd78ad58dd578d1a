// TLS over a socket pair, with certificates made on the spot.
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <filesystem>
#include <fstream>

#include "core/net/tls_context.hpp"
#include "core/net/tls_stream.hpp"

namespace gatepost::net {
namespace {

struct TlsTest : testing::Test {
  std::string directory = testing::TempDir() + "gatepost-tls-" + std::to_string(::getpid());
  asio::io_context io;

  TlsTest() { std::filesystem::create_directories(directory); }
  ~TlsTest() override { std::filesystem::remove_all(directory); }

  CertificateFiles certificate(const std::string& name) {
    const auto place = directory + "/" + name;
    std::filesystem::create_directories(place);
    return *self_signed(place, name);
  }

  struct Ends {
    std::unique_ptr<TlsStream> server;
    std::unique_ptr<TlsStream> client;
  };
  Ends connect(const TlsServerContext& server, const TlsClientContext& client, const std::string& name) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    return {std::make_unique<TlsStream>(io, ends[0], server.make_session()),
            std::make_unique<TlsStream>(io, ends[1], client.make_session(name))};
  }
  static std::pair<IoStatus, IoStatus> handshake(Ends& ends) {
    IoStatus server{};
    IoStatus client{};
    for (int i = 0; i < 10; ++i) {
      client = ends.client->handshake().status;
      server = ends.server->handshake().status;
      if ((client == IoStatus::done || client == IoStatus::error) &&
          (server == IoStatus::done || server == IoStatus::error))
        break;
    }
    return {server, client};
  }
  static void put(TlsStream& stream, std::string text) {
    const iovec part{text.data(), text.size()};
    EXPECT_EQ(stream.write({&part, 1}, false).bytes, text.size());
  }
  static std::string get(TlsStream& stream) {
    std::array<char, 100> buffer;
    const auto got = stream.read(buffer);
    return {buffer.data(), got.bytes};
  }
};

TEST_F(TlsTest, talks_after_a_handshake) {
  const auto server = *TlsServerContext::load({certificate("mx.example.org")});
  const auto client = *TlsClientContext::make(false, "");
  auto ends = connect(*server, *client, "whatever.example");
  EXPECT_EQ(handshake(ends), std::pair(IoStatus::done, IoStatus::done));
  EXPECT_EQ(ends.server->tls()->version, "TLSv1.3");
  put(*ends.client, "EHLO");
  EXPECT_EQ(get(*ends.server), "EHLO");
  put(*ends.server, "250");
  EXPECT_EQ(get(*ends.client), "250");
}

TEST_F(TlsTest, gathers_small_parts_into_one_write) {
  const auto server = *TlsServerContext::load({certificate("mx.example.org")});
  const auto client = *TlsClientContext::make(false, "");
  auto ends = connect(*server, *client, "x");
  handshake(ends);
  std::string a = "one ";
  std::string b = "two";
  const iovec parts[] = {{a.data(), a.size()}, {nullptr, 0}, {b.data(), b.size()}};
  EXPECT_EQ(ends.server->write(parts, false).bytes, 7U);
  EXPECT_EQ(get(*ends.client), "one two");
}

TEST_F(TlsTest, tells_what_was_written_when_the_socket_is_full) {
  const auto server = *TlsServerContext::load({certificate("mx.example.org")});
  const auto client = *TlsClientContext::make(false, "");
  auto ends = connect(*server, *client, "x");
  handshake(ends);
  std::string content;
  for (int i = 0; content.size() < 4'000'000; ++i) content += std::to_string(i) + "\n";
  std::string received;
  std::size_t sent = 0;
  while (received.size() < content.size()) {
    // In parts of odd sizes, as a body's chunks are.
    std::vector<iovec> parts;
    for (auto at = sent; at < content.size() && parts.size() < 5; at += 30011)
      parts.push_back({content.data() + at, std::min<std::size_t>(30011, content.size() - at)});
    if (!parts.empty()) sent += ends.server->write(parts, false).bytes;
    std::array<char, 20000> buffer;
    for (auto got = ends.client->read(buffer); got.status == IoStatus::done; got = ends.client->read(buffer))
      received.append(buffer.data(), got.bytes);
    ASSERT_LE(received.size(), content.size());
  }
  EXPECT_EQ(received, content);
}

TEST_F(TlsTest, survives_a_reload_between_starttls_and_the_handshake) {
  auto server = *TlsServerContext::load({certificate("mx.example.org"), certificate("mx.example.net")});
  const auto client = *TlsClientContext::make(true, directory + "/mx.example.net/self-signed.pem");
  auto ends = connect(*server, *client, "mx.example.net");
  server.reset();
  EXPECT_EQ(handshake(ends).second, IoStatus::done);
}

TEST_F(TlsTest, chooses_a_certificate_by_name) {
  const auto server = *TlsServerContext::load({certificate("mx.example.org"), certificate("mx.example.net")});
  for (const auto* name : {"mx.example.org", "mx.example.net"}) {
    const auto client = *TlsClientContext::make(true, directory + "/" + name + "/self-signed.pem");
    auto ends = connect(*server, *client, name);
    EXPECT_EQ(handshake(ends).second, IoStatus::done) << name;
  }
}

TEST_F(TlsTest, refuses_a_certificate_for_another_name_when_it_verifies) {
  const auto files = certificate("mx.example.org");
  const auto server = *TlsServerContext::load({files});
  const auto client = *TlsClientContext::make(true, files.certificate);
  auto ends = connect(*server, *client, "other.example.org");
  EXPECT_EQ(handshake(ends).second, IoStatus::error);
  EXPECT_EQ(ends.client->failure(), "certificate verify failed");
}

TEST_F(TlsTest, notices_that_the_peer_has_said_goodbye) {
  const auto server = *TlsServerContext::load({certificate("mx.example.org")});
  const auto client = *TlsClientContext::make(false, "");
  auto ends = connect(*server, *client, "x");
  handshake(ends);
  std::array<char, 10> buffer;
  std::span<char> unread(buffer);
  get(*ends.client);
  get(*ends.server);
  EXPECT_EQ(ends.server->presence(unread), Presence::here);
  EXPECT_TRUE(ends.client->quiet()) << "session tickets are nothing";
  put(*ends.server, "554 going down");
  io.poll();
  EXPECT_FALSE(ends.client->quiet());
  get(*ends.client);
  EXPECT_TRUE(ends.client->quiet());
  ends.client->shutdown_send();
  io.poll();
  EXPECT_EQ(ends.server->presence(unread), Presence::gone);
  EXPECT_EQ(ends.server->read(buffer).status, IoStatus::eof);
}

TEST_F(TlsTest, keeps_its_self_signed_certificate_until_the_name_changes) {
  const auto first = self_signed(directory, "mx.example.org");
  ASSERT_TRUE(first);
  const auto read = [&] {
    std::ifstream in(first->certificate);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const auto before = read();
  EXPECT_EQ(std::filesystem::status(first->key).permissions(), std::filesystem::perms(0600));
  ASSERT_TRUE(self_signed(directory, "mx.example.org"));
  EXPECT_EQ(read(), before);
  ASSERT_TRUE(self_signed(directory, "mx2.example.org"));
  EXPECT_NE(read(), before);
}

TEST_F(TlsTest, says_what_is_wrong_with_a_certificate_file) {
  const auto good = certificate("mx.example.org");
  const auto missing = TlsServerContext::load({{directory + "/none.pem", good.key}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "cannot read a certificate from " + directory + "/none.pem: No such file or directory");
  const auto other = certificate("mx.example.net");
  const auto mismatch = TlsServerContext::load({{good.certificate, other.key}});
  ASSERT_FALSE(mismatch);
  EXPECT_NE(mismatch.error().message.find("key values mismatch"), std::string::npos)
      << mismatch.error().message;
}

}  // namespace
}  // namespace gatepost::net

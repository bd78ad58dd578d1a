#include "webui/router.hpp"

#include <gtest/gtest.h>

#include "sample.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::webui {
namespace {

constexpr std::string_view protective[] = {"Content-Security-Policy", "X-Content-Type-Options",
                                           "X-Frame-Options", "Referrer-Policy", "Cache-Control"};

std::string field(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.fields) {
    if (key == name) return value;
  }
  return {};
}

std::string basic(std::string_view credentials) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out = "Basic ";
  for (std::size_t i = 0; i < credentials.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (i + j < credentials.size() ? static_cast<unsigned char>(credentials[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j > credentials.size() ? '=' : digits[bits >> (18 - 6 * j) & 63];
  }
  return out;
}

struct RouterTest : testing::Test {
  tests::SampleQueries queries;
  tests::FakeClock clock;
  Router router{queries, {}, clock};

  Response get(const std::string& target) { return router.handle({"GET", target, {}}); }
};

TEST_F(RouterTest, answers_each_path_with_its_kind_of_content) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"/", "text/html; charset=utf-8", "<!DOCTYPE html>"},
      {"/style.css", "text/css; charset=utf-8", ":root"},
      {"/api/v1/status", "application/json", "{\"version\":\"1.2.3\""},
      {"/metrics", "text/plain; version=0.0.4; charset=utf-8", "# TYPE gatepost_up gauge\ngatepost_up 1\n"},
      {"/livez", "text/plain; charset=utf-8", "ok\n"},
      {"/readyz", "text/plain; charset=utf-8", "ready\n"}};
  for (const auto& [target, type, start] : cases) {
    const auto response = get(target);
    EXPECT_EQ(response.status, 200U) << target;
    EXPECT_EQ(response.content_type, type) << target;
    EXPECT_EQ(response.body.rfind(start, 0), 0U) << target;
  }
}

TEST_F(RouterTest, passes_the_metrics_on_unchanged) {
  EXPECT_EQ(get("/metrics").body, queries.metrics());
}

TEST_F(RouterTest, takes_a_query_string_and_the_form_for_proxies_for_the_same_resource) {
  for (const auto* target :
       {"/livez?", "/livez?a=/b?c", "http://mx.example.test:8025/livez", "HTTP://x/livez?y"})
    EXPECT_EQ(get(target).body, "ok\n") << target;
  for (const auto* target : {"http://mx.example.test", "http://mx.example.test?x"})
    EXPECT_EQ(get(target).content_type, "text/html; charset=utf-8") << target;
}

TEST_F(RouterTest, answers_404_to_an_unknown_path) {
  for (const auto* target : {"", "/x", "//", "/livez/", "/LIVEZ", "/../livez", "/%6civez", "*",
                             "/favicon.ico", "/api/v1/status/", "livez", "http://"}) {
    EXPECT_EQ(get(target).status, std::string(target) == "http://" ? 200U : 404U) << target;
  }
}

TEST_F(RouterTest, never_repeats_the_request_in_an_error) {
  EXPECT_EQ(get("/<script>").body.find("script"), std::string::npos);
}

TEST_F(RouterTest, answers_405_with_allow_to_another_method) {
  for (const auto* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", ""}) {
    const auto response = router.handle({method, "/", {}});
    EXPECT_EQ(response.status, 405U) << method;
    EXPECT_EQ(field(response, "Allow"), "GET, HEAD") << method;
  }
  EXPECT_EQ(router.handle({"POST", "/x", {}}).status, 404U);
  EXPECT_EQ(queries.asked, 0);
}

TEST_F(RouterTest, answers_head_as_get) {
  const auto head = router.handle({"HEAD", "/metrics", {}});
  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.body, get("/metrics").body);  // the connection takes its length and leaves it out
}

TEST_F(RouterTest, says_why_it_is_not_ready) {
  queries.not_ready = "going down";
  const auto response = get("/readyz");
  EXPECT_EQ(response.status, 503U);
  EXPECT_EQ(response.body, "going down\n");
  EXPECT_EQ(get("/livez").status, 200U);
}

TEST_F(RouterTest, answers_500_without_details_when_the_program_fails) {
  queries.fails = true;
  const auto response = get("/");
  EXPECT_EQ(response.status, 500U);
  EXPECT_EQ(response.body.find("shadow"), std::string::npos);
}

TEST_F(RouterTest, protects_every_answer) {
  std::vector<Response> answers;
  for (const auto* target : {"/", "/style.css", "/api/v1/status", "/metrics", "/livez", "/readyz", "/x"})
    answers.push_back(get(target));
  answers.push_back(router.handle({"POST", "/", {}}));
  queries.not_ready = "no";
  answers.push_back(get("/readyz"));
  queries.fails = true;
  answers.push_back(get("/"));
  answers.push_back(router.refuse(431, "too large"));
  router.set_settings({base::Secret("nonsense")});
  answers.push_back(get("/"));
  const std::vector<unsigned> statuses{200, 200, 200, 200, 200, 200, 404, 405, 503, 500, 431, 401};
  ASSERT_EQ(answers.size(), statuses.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].status, statuses[i]);
    for (const auto name : protective)
      EXPECT_FALSE(field(answers[i], name).empty()) << name << " of " << statuses[i];
    EXPECT_EQ(field(answers[i], "Date"), "Fri, 20 Nov 2026 22:30:00 GMT");
  }
  EXPECT_EQ(field(answers[0], "Content-Security-Policy"),
            "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action "
            "'none'; frame-ancestors 'none'");
  EXPECT_EQ(field(answers[0], "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(field(answers[0], "X-Frame-Options"), "DENY");
  EXPECT_EQ(field(answers[0], "Referrer-Policy"), "no-referrer");
  EXPECT_EQ(field(answers[0], "Cache-Control"), "no-store");
}

struct PasswordTest : RouterTest {
  /// Of "open sesame" and of "other", with few rounds: these are tests.
  const std::string hash =
      "pbkdf2-sha256:1000:0001020304050607:2f5de36c815c21977b24c2f841f63d6a110d5f6ec3250f71f1c3372e0f709f10";
  const std::string other_hash =
      "pbkdf2-sha256:1000:0001020304050607:64447e57b9bb19e43e3a2c7f85f98a139951f55b9421baf095f6ef6e11133591";

  PasswordTest() { router.set_settings({base::Secret(hash)}); }
  unsigned status(const std::string& authorization, const std::string& target = "/") {
    return router.handle({"GET", target, authorization}).status;
  }
  /// As many wrong passwords as are looked at.
  void exhaust() {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(status(basic("u:wrong " + std::to_string(i))), 401U);
  }
};

TEST_F(PasswordTest, is_asked_for_wherever_there_is_something_to_see) {
  for (const auto* target : {"/", "/style.css", "/api/v1/status", "/metrics", "/x", "/livez/"}) {
    const auto response = get(target);
    EXPECT_EQ(response.status, 401U) << target;
    EXPECT_EQ(field(response, "WWW-Authenticate"), "Basic realm=\"Gatepost\", charset=\"UTF-8\"") << target;
  }
  EXPECT_EQ(router.handle({"POST", "/", {}}).status, 401U);
  EXPECT_EQ(queries.asked, 0);
}

TEST_F(PasswordTest, is_not_asked_for_by_the_health_checks) {
  EXPECT_EQ(get("/livez").status, 200U);
  EXPECT_EQ(get("/readyz").status, 200U);
}

TEST_F(PasswordTest, opens_with_any_user_name) {
  for (const auto* user : {"", "admin", "J\xC3\xBCrgen"})
    EXPECT_EQ(status(basic(std::string(user) + ":open sesame")), 200U) << user;
  EXPECT_EQ(status("bAsIc " + basic(":open sesame").substr(6)), 200U);
  EXPECT_EQ(status("Basic   " + basic("ab:open sesame").substr(6) + " "), 200U);
}

TEST_F(PasswordTest, does_not_open_when_it_is_wrong) {
  for (const auto* credentials : {"u:open sesam", "u:Open sesame", "open sesame:", "u:"})
    EXPECT_EQ(status(basic(credentials)), 401U) << credentials;
}

TEST_F(PasswordTest, does_not_open_for_what_is_no_basic_authentication) {
  const auto right = basic("u:open sesame").substr(6);
  for (const auto& authorization :
       {"Bearer " + right, right, "Basic" + right, std::string("Basic"), std::string("Basic "),
        "Basic " + right + "!", "Basic ===" + right, std::string("Basic ===="), basic("open sesame"),
        std::string(8000, 'A'), "Basic " + std::string(4000, 'A')}) {
    EXPECT_EQ(status(authorization), 401U) << authorization;
  }
}

TEST_F(PasswordTest, is_looked_at_five_times_in_ten_seconds) {
  exhaust();
  const auto response = router.handle({"GET", "/", basic("u:open sesame")});
  EXPECT_EQ(response.status, 429U);  // even the right one: nobody has looked
  EXPECT_EQ(field(response, "Retry-After"), "10");
  clock.advance(base::Millis(9999));
  EXPECT_EQ(status(basic("u:open sesame")), 429U);
  clock.advance(base::Millis(1));
  EXPECT_EQ(status(basic("u:open sesame")), 200U);
}

TEST_F(PasswordTest, that_was_right_once_comes_in_while_others_guess) {
  EXPECT_EQ(status(basic("u:open sesame")), 200U);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(status(basic("u:wrong " + std::to_string(i))), 401U);
  EXPECT_EQ(status(basic("u:wrong again")), 429U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(status(basic("v:open sesame")), 200U);
  EXPECT_EQ(status({}), 401U);
  EXPECT_EQ(get("/livez").status, 200U);
}

TEST_F(PasswordTest, that_was_wrong_once_is_not_computed_again) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(status(basic("u:an old one")), 401U);
  EXPECT_EQ(status(basic("u:open sesame")), 200U);
}

TEST_F(PasswordTest, that_cannot_be_right_costs_nothing) {
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(status(basic("u:" + std::string(1025 + static_cast<std::size_t>(i), 'x'))), 401U);
  EXPECT_EQ(status(basic("u:open sesame")), 200U);
}

TEST_F(PasswordTest, is_another_one_after_a_reload) {
  EXPECT_EQ(status(basic("u:open sesame")), 200U);
  EXPECT_EQ(status(basic("u:other")), 401U);
  router.set_settings({base::Secret(other_hash)});
  EXPECT_EQ(status(basic("u:open sesame")), 401U);
  EXPECT_EQ(status(basic("u:other")), 200U);
}

TEST_F(PasswordTest, stays_known_when_a_reload_leaves_it_as_it_is) {
  EXPECT_EQ(status(basic("u:open sesame")), 200U);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(status(basic("u:wrong " + std::to_string(i))), 401U);
  router.set_settings({base::Secret(hash)});
  EXPECT_EQ(status(basic("u:open sesame")), 200U);
}

TEST_F(PasswordTest, cannot_be_guessed_more_often_by_reloading) {
  exhaust();
  router.set_settings({base::Secret(other_hash)});
  EXPECT_EQ(status(basic("u:other")), 429U);
}

TEST_F(PasswordTest, is_no_longer_asked_for_when_a_reload_takes_it_away) {
  router.set_settings({});
  EXPECT_EQ(get("/").status, 200U);
  router.set_settings({base::Secret(hash)});
  EXPECT_EQ(get("/").status, 401U);
}

TEST_F(PasswordTest, opens_for_nobody_if_the_hash_is_none) {
  const std::string digest = hash.substr(hash.rfind(':') + 1);
  for (const auto& bad :
       {std::string("open sesame"), std::string(" "), "pbkdf2-sha256:999:0001020304050607:" + digest,
        "pbkdf2-sha256:1000:00010203:" + digest, "pbkdf2-sha256:1000:0001020304050607:" + digest.substr(2),
        "pbkdf2-sha512:1000:0001020304050607:" + digest, hash + ":", hash + "00", hash + " ",
        "pbkdf2-sha256:99999999999:0001020304050607:" + digest, std::string("pbkdf2-sha256:1000::")}) {
    EXPECT_FALSE(is_password_hash(bad)) << bad;
    router.set_settings({base::Secret(bad)});
    for (const auto& credentials : {std::string("u:open sesame"), std::string("u:"), "u:" + bad, bad})
      EXPECT_EQ(status(basic(credentials)), 401U) << bad;
  }
}

TEST(PasswordHash, is_made_with_fresh_salt_and_matches_its_password_only) {
  const auto hash = password_hash("correct horse");
  EXPECT_TRUE(is_password_hash(hash));
  EXPECT_TRUE(password_matches("correct horse", hash));
  EXPECT_FALSE(password_matches("correct hors", hash));
  EXPECT_NE(password_hash("correct horse"), hash);
}

}  // namespace
}  // namespace gatepost::webui

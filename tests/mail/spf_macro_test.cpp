#include <gtest/gtest.h>

#include "mail/spf_macro.hpp"

namespace gatepost::mail {
namespace {

SpfMacroValues values() {
  SpfMacroValues values;
  values.sender = "strong-bad@email.example.com";
  values.domain = "email.example.com";
  values.client = *base::IpAddress::parse("192.0.2.3");
  values.helo = "mx.example.com";
  values.now = base::WallTime(std::chrono::seconds(1163721600));
  return values;
}

std::string expanded(std::string_view text, SpfMacroUse use = SpfMacroUse::record) {
  return expand_spf_macros(text, use, values()).value_or("(error)");
}

TEST(SpfMacro, expands_the_examples_of_rfc_7208_7_4) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"%{s}", "strong-bad@email.example.com"},
      {"%{o}", "email.example.com"},
      {"%{d}", "email.example.com"},
      {"%{d4}", "email.example.com"},
      {"%{d3}", "email.example.com"},
      {"%{d2}", "example.com"},
      {"%{d1}", "com"},
      {"%{dr}", "com.example.email"},
      {"%{d2r}", "example.email"},
      {"%{l}", "strong-bad"},
      {"%{l-}", "strong.bad"},
      {"%{lr}", "strong-bad"},
      {"%{lr-}", "bad.strong"},
      {"%{l1r-}", "strong"},
      {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
      {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
      {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
      {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
      {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"}};
  for (const auto& [text, expected] : cases) EXPECT_EQ(expanded(text), expected) << text;
}

TEST(SpfMacro, writes_ipv6_clients_as_nibbles_and_for_people_as_an_address) {
  auto v = values();
  v.client = *base::IpAddress::parse("2001:db8::cb01");
  EXPECT_EQ(expand_spf_macros("%{ir}.%{v}", SpfMacroUse::record, v),
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6");
  EXPECT_EQ(expand_spf_macros("%{c}", SpfMacroUse::explanation, v), "2001:db8::cb01");
}

TEST(SpfMacro, takes_letters_and_r_in_either_case_and_huge_counts) {
  EXPECT_EQ(expanded("%{DR}"), "com.example.email");
  EXPECT_EQ(expanded("%{S}"), "strong-bad%40email.example.com");
  EXPECT_EQ(expanded("%{d99999999999999999999999}"), "email.example.com");
  EXPECT_EQ(expanded("%{d01}"), "com");
  EXPECT_EQ(expanded("%{s2.-+,/_=}"), "example.com");
  EXPECT_EQ(expanded("%%%_%-"), "% %20");
}

TEST(SpfMacro, knows_the_letters_for_explanations_only_there) {
  EXPECT_EQ(expanded("%{c} %{r} %{t}", SpfMacroUse::explanation), "192.0.2.3 unknown 1163721600");
  for (const auto text : {"%{c}", "%{r}", "%{t}", "a b"}) EXPECT_EQ(expanded(text), "(error)") << text;
}

TEST(SpfMacro, refuses_what_is_no_macro_string) {
  for (const auto text : {"%", "%x", "%{", "%{}", "%{d", "%{x}", "%{d0}", "%{d00r}", "%{drr}", "%{dr2}",
                          "%{d:}", "%{ d}", "%(d)", "x%{d}%", "\x7f", "\x01", "\xc3\xa9"})
    EXPECT_FALSE(is_spf_macro_string(text)) << text;
  EXPECT_TRUE(is_spf_macro_string(""));
}

TEST(SpfMacro, wants_a_macro_or_a_top_label_at_the_end_of_a_domain_spec) {
  for (const auto text :
       {"example.com", "example.com.", "_x.example.com", "%{d}", "x%%", "x%_", "%{i}.x.%{d2}",
        "example.xn--zckzah", "x.1-2", "x.c0m", ".com", "a..com", "foo:bar/baz.example.com", "%{d}.com"})
    EXPECT_TRUE(is_spf_domain_spec(text)) << text;
  for (const auto text :
       {"", "com", "com.", "example.123", "example.-com", "example.com-", "example.com..", "%{d}com", "%{d}.",
        "%{d.}com", "example.c_m", "192.0.2.1", "example.com/24", "example .com", "%{d}.%(x)"})
    EXPECT_FALSE(is_spf_domain_spec(text)) << text;
}

TEST(SpfMacro, cuts_long_names_at_labels_on_the_left) {
  const std::string label(62, 'a');
  const auto tail = label + "." + label + "." + label + "." + label;  // 251 octets
  EXPECT_EQ(fit_spf_name("x." + tail), "x." + tail);
  EXPECT_EQ(fit_spf_name("xy." + tail + "."), tail);
  EXPECT_EQ(fit_spf_name("1.2.3." + tail), "3." + tail);
  EXPECT_EQ(fit_spf_name(std::string(300, 'a')), std::string(300, 'a'));
  EXPECT_EQ(fit_spf_name(""), "");
}

TEST(SpfMacro, tells_when_the_name_of_the_client_is_needed) {
  EXPECT_TRUE(needs_client_name("a.%{p}"));
  EXPECT_TRUE(needs_client_name("%{P2r}"));
  EXPECT_FALSE(needs_client_name("%%{p}"));
  EXPECT_FALSE(needs_client_name("%{d}p"));
}

}  // namespace
}  // namespace gatepost::mail

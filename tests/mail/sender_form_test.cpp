// Senders whose reverse-path changes with each message are recognised.
#include "mail/sender_form.hpp"

#include <gtest/gtest.h>

namespace gatepost::mail {
namespace {

struct Case {
  const char* sender;
  const char* form;
};

void expect_forms(std::initializer_list<Case> cases) {
  for (const auto& [sender, form] : cases) {
    const auto mailbox = Mailbox::parse(sender);
    ASSERT_TRUE(mailbox) << sender;
    EXPECT_EQ(sender_form(*mailbox), form) << sender;
    EXPECT_EQ(sender_form(std::string_view(form)), form) << "of its own form";
  }
}

TEST(SenderForm, of_people_is_their_address_as_a_key) {
  expect_forms({{"anna.berg@partner.example", "anna.berg@partner.example"},
                {"Anna.Berg@Partner.EXAMPLE", "anna.berg@partner.example"},
                {"\"anna berg\"@partner.example", "anna berg@partner.example"},
                {"user@b\xC3\xBC"
                 "cher.example",
                 "user@xn--bcher-kva.example"},
                {"us\xC3\xA9r@partner.example", "us\xC3\xA9r@partner.example"},
                {"user@[192.0.2.1]", "user@[192.0.2.1]"},
                {"user-detail@partner.example", "user-detail@partner.example"},
                {"agent007@partner.example", "agent007@partner.example"},
                {"o'neil@partner.example", "o'neil@partner.example"}});
}

TEST(SenderForm, has_no_signature) {
  expect_forms({{"prvs=1234abcdef=user@a.example", "user@a.example"},
                {"PRVS=1234ABCDEF=User@a.example", "user@a.example"},
                {"prvs=user=1234abcdef@a.example", "user@a.example"},
                {"prvs=user/1234abcdef@a.example", "user@a.example"},
                {"btv1==043d4abb2e7==user@a.example", "user@a.example"},
                {"btv1==043d4abb2e7==user=x@a.example", "user=x@a.example"},
                {"msprvs1=17766jnfgqjaa=bounces-250434@bulk.example", "bounces-#@bulk.example"},
                {"prvs=1234abcdef=prvs=5678abcdef=user@a.example", "user@a.example"},
                {"btv1==043d4abb2e7==prvs=1234abcdef=user@a.example", "user@a.example"}});
}

TEST(SenderForm, keeps_a_signature_that_is_none) {
  expect_forms({{"prvs=user@a.example", "prvs=user@a.example"},
                {"btv1==user@a.example", "btv1==user@a.example"},
                {"btv1====user@a.example", "btv1====user@a.example"},
                {"btv1==hash==@a.example", "btv1==hash==@a.example"},
                {"msprvs1=user@a.example", "msprvs1=user@a.example"},
                {"msprvs1==user@a.example", "msprvs1==user@a.example"},
                // Tags of other lengths are numbers at least.
                {"prvs=162c4fd5b=user@a.example", "prvs=#=user@a.example"}});
}

TEST(SenderForm, of_what_is_forwarded_is_the_first_sender) {
  expect_forms({{"SRS0=HHH=TT=orig.example=user@fwd.example", "user@orig.example"},
                {"SRS0=9q+Z=2B=Orig.Example=User@fwd.example", "user@orig.example"},
                {"SRS0+HHH=TT=orig.example=user@fwd.example", "user@orig.example"},
                {"SRS0-HHH=TT=orig.example=user@fwd.example", "user@orig.example"},
                {"SRS0=HHH=TT=orig.example=list=x@fwd.example", "list=x@orig.example"},
                {"SRS0=HHH=TT=orig.example=user+tag@fwd.example", "user@orig.example"},
                {"SRS1=GGG=fwd.example==HHH=TT=orig.example=user@second.example", "user@orig.example"},
                {"SRS1=GGG=fwd.example=+HHH=TT=orig.example=user@second.example", "user@orig.example"},
                {"SRS1+GGG=fwd.example=-HHH=TT=orig.example=user@second.example", "user@orig.example"},
                {"SRS0=HHH=TT=orig.example=prvs=1234abcdef=user@fwd.example", "user@orig.example"},
                {"prvs=1234abcdef=SRS0=HHH=TT=orig.example=user@fwd.example", "user@orig.example"}});
}

TEST(SenderForm, keeps_a_forwarders_address_that_is_none) {
  expect_forms({{"srs0@fwd.example", "srs0@fwd.example"},
                {"SRS0=HHH@fwd.example", "srs0=hhh@fwd.example"},
                {"SRS0=HHH=TT=orig.example@fwd.example", "srs0=hhh=tt=orig.example@fwd.example"},
                {"SRS0=HHH=TT=orig.example=@fwd.example", "srs0=hhh=tt=orig.example=@fwd.example"},
                {"SRS0=HHH=TTT=orig.example=user@fwd.example", "srs0=hhh=ttt=orig.example=user@fwd.example"},
                {"SRS0=HHH=TT=single=user@fwd.example", "srs0=hhh=tt=single=user@fwd.example"},
                {"SRS0==TT=orig.example=user@fwd.example", "srs0==tt=orig.example=user@fwd.example"},
                {"SRS1=GGG=fwd.example=HHH=TT=orig.example=user@x.example",
                 "srs1=ggg=fwd.example=hhh=tt=orig.example=user@x.example"}});
}

TEST(SenderForm, has_no_detail) {
  expect_forms({{"user+detail@a.example", "user@a.example"},
                {"user+@a.example", "user@a.example"},
                {"+user@a.example", "+user@a.example"},
                {"list-bounces+user=example.org@lists.example", "list-bounces@lists.example"},
                {"bounces+1234567-ab12-user=example.org@em.bulk.example", "bounces@em.bulk.example"}});
}

TEST(SenderForm, has_no_numbers_that_are_words) {
  expect_forms(
      {{"list-return-1234-user=example.org@lists.example", "list-return-#-user=example.org@lists.example"},
       {"sentto-12345-678-1234567890-user=example.org@groups.example",
        "sentto-#-#-#-user=example.org@groups.example"},
       {"bounce-mc.us12_34567890.1234567-abcdef1234@mail123.bulk.example",
        "bounce-mc.us12_#.#-#@mail123.bulk.example"},
       {"bounce-123_html-4567-890@bounce.s7.bulk.example", "bounce-#_html-#-#@bounce.s7.bulk.example"},
       {"1234567@people.example", "#@people.example"},
       {"info2024@a.example", "info2024@a.example"},
       {"2024.info.7@a.example", "#.info.#@a.example"},
       {"12#34@a.example", "###@a.example"},
       {"7@a.example", "#@a.example"}});
}

TEST(SenderForm, has_no_hexadecimal_identifiers) {
  expect_forms(
      {{"0100018c5f3a1b2c-1a2b3c4d-5e6f-4a7b-89ab-0123456789ab-000000@ses.bulk.example",
        "#-#-#@ses.bulk.example"},
       {"bounce-1A2B3C4D5E@bulk.example", "bounce-#@bulk.example"},
       {"abcdef01-abcd-abcd-abcd-abcdefabcdef@bulk.example", "#@bulk.example"},
       {"abcdef01-abcd-abcd-abcd-abcdefabcdeff@bulk.example", "#-abcd-abcd-abcd-abcdefabcdeff@bulk.example"},
       {"xabcdef01-abcd-abcd-abcd-abcdefabcdef@bulk.example",
        "xabcdef01-abcd-abcd-abcd-abcdefabcdef@bulk.example"},
       {"1a2b3c4@bulk.example", "1a2b3c4@bulk.example"},
       {"deadbeef@bulk.example", "deadbeef@bulk.example"},
       {"1a2b3c4d\xC3\xA9@bulk.example", "1a2b3c4d\xC3\xA9@bulk.example"}});
}

TEST(SenderForm, is_made_of_rubbish_too) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {"@", "@"},
      {"@a.example", "@a.example"},
      {"user@", "user@"},
      {"user", "user"},
      {"postmaster", "postmaster"},
      {"a@b@c", "a@b@c"},
      {"\xFF\xFE", "\xFF\xFE"},
      {"srs0=", "srs0="},
      {"srs1==", "srs1=="},
      {std::string_view("\0\1", 2), std::string_view("\0\1", 2)},
  };
  for (const auto& [text, form] : cases) EXPECT_EQ(sender_form(text), form) << text;
  EXPECT_EQ(sender_form(std::string_view(std::string(100000, '1'))), "#");
}

}  // namespace
}  // namespace gatepost::mail

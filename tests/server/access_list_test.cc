#include "server/access_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

std::string Token(const std::string& name, const std::string& token, const std::string& rest) {
  return absl::StrCat(R"({"name": ")", name, R"(", "sha256": ")", TokenHash(token), R"(", )", rest,
                      "}");
}

TEST(AccessListTest, ATokenIsHashedAsSha256DoesIt) {
  // FIPS 180-2, B.1.
  EXPECT_EQ(TokenHash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(AccessListTest, TokensAndCertificatesHaveRolesAndProjects) {
  const auto list = AccessList::Parse(absl::StrCat(
      R"({"tokens": [)", Token("a", "secret", R"("role": "writer", "projects": ["p", "q"])"), ", ",
      Token("b", "other", R"("role": "admin", "projects": "*")"),
      R"(], "certificates": [{"name": "host.lab", "role": "reader", "projects": ["p"]}]})"));
  ASSERT_TRUE(list.ok()) << list.status();
  const auto a = list->FindToken("secret");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->name, "a");
  EXPECT_EQ(a->role, Role::kWriter);
  EXPECT_TRUE(a->Allows("p"));
  EXPECT_TRUE(a->Allows("q"));
  EXPECT_FALSE(a->Allows("pq"));
  ASSERT_NE(list->FindToken("other"), nullptr);
  EXPECT_TRUE(list->FindToken("other")->Allows("anything"));
  EXPECT_EQ(list->FindToken("Secret"), nullptr);
  EXPECT_EQ(list->FindToken(""), nullptr);
  // The hash is not the token.
  EXPECT_EQ(list->FindToken(TokenHash("secret")), nullptr);
  ASSERT_NE(list->FindCertificate("host.lab"), nullptr);
  EXPECT_EQ(list->FindCertificate("host.lab")->role, Role::kReader);
  EXPECT_EQ(list->FindCertificate("host"), nullptr);
}

TEST(AccessListTest, AnEmptyListLetsNobodyIn) {
  const auto list = AccessList::Parse("{}");
  ASSERT_TRUE(list.ok());
  EXPECT_EQ(list->FindToken(""), nullptr);
}

TEST(AccessListTest, WhatIsWrongIsNamed) {
  const std::string role = R"("role": "reader", "projects": ["p"])";
  const struct {
    std::string json;
    std::string what;
  } cases[] = {
      {"", "is not JSON"},
      {"[]", "is not an object"},
      {R"({"tokes": []})", "unknown key 'tokes'"},
      {R"({"tokens": [], "tokens": []})", "the access file: the key 'tokens' is given twice"},
      {R"({"tokens": [{"name": "a", "name": "b"}]})", "the key 'name' is given twice"},
      {R"({"tokens": {}})", "tokens is not a list"},
      {R"({"tokens": [5]})", "token 1 is not an object"},
      {R"({"tokens": [{"sha256": "x", "role": "reader", "projects": "*"}]})", "'name'"},
      {R"({"tokens": [{"name": "a", "sha256": "hunter2", )" + role + "}]}", "64 lower-case"},
      {R"({"tokens": [)" + Token("a", "t", R"("role": "owner", "projects": "*")") + "]}",
       "'owner', must be reader, writer or admin"},
      {R"({"tokens": [)" + Token("a", "t", R"("role": "reader")") + "]}", "needs 'projects'"},
      {R"({"tokens": [)" + Token("a", "t", R"("role": "reader", "projects": [])") + "]}",
       "needs 'projects'"},
      {R"({"tokens": [)" + Token("a", "t", R"("role": "reader", "projects": ["*"])") + "]}",
       "instead of the list"},
      {R"({"tokens": [)" + Token("a", "t", R"("role": "reader", "projects": ["p", "p"])") + "]}",
       "'p' twice"},
      {R"({"tokens": [)" + Token("a", "t", role + R"(, "x": 1)") + "]}", "unknown key 'x'"},
      {R"({"tokens": [)" + Token("a", "t", role) + "," + Token("a", "u", role) + "]}",
       "token 2 has the name or the hash of another"},
      {R"({"tokens": [)" + Token("a", "t", role) + "," + Token("b", "t", role) + "]}",
       "token 2 has the name or the hash of another"},
      {R"({"certificates": [{"name": "a", )" + role + R"(}, {"name": "a", )" + role + "}]}",
       "certificate 2 has the name of another"},
  };
  for (const auto& wrong : cases) {
    const auto list = AccessList::Parse(wrong.json);
    EXPECT_TRUE(absl::IsInvalidArgument(list.status())) << wrong.json;
    EXPECT_THAT(std::string(list.status().message()), HasSubstr(wrong.what));
    // It might be a token that somebody put there.
    EXPECT_THAT(std::string(list.status().message()), ::testing::Not(HasSubstr("hunter2")));
  }
}

TEST(AccessListTest, TheNumberOfEntriesIsLimited) {
  const auto list_of = [](int64_t count) {
    std::string json = R"({"certificates": [)";
    for (int64_t i = 0; i < count; ++i) {
      absl::StrAppend(&json, i == 0 ? "" : ",", R"({"name": "c)", i,
                      R"(", "role": "reader", "projects": "*"})");
    }
    return AccessList::Parse(json + "]}").status();
  };
  EXPECT_TRUE(list_of(kMaxGrants).ok());
  EXPECT_THAT(std::string(list_of(kMaxGrants + 1).message()), HasSubstr("10001 entries"));
}

}  // namespace
}  // namespace gramian

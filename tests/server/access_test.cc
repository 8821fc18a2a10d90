// Who may call what, over a real socket and for every RPC there is.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/access_control.h"
#include "server/audit_log.h"
#include "server/log_format.h"
#include "tests/server/http_get.h"
#include "tests/server/server_fixture.h"
#include "tests/testing/certificates.h"

namespace gramian::testing {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using ::testing::HasSubstr;
using ::testing::Not;

// Of every service of the contract, whether the server offers it or not.
std::vector<const MethodDescriptor*> AllMethods() {
  std::vector<const MethodDescriptor*> methods;
  for (const auto& entry : std::filesystem::directory_iterator(GRAMIAN_PROTO_DIR)) {
    const auto* file = google::protobuf::DescriptorPool::generated_pool()->FindFileByName(
        absl::StrCat("gramian/v1/", entry.path().filename().string()));
    EXPECT_NE(file, nullptr) << entry.path();
    for (int i = 0; file != nullptr && i < file->service_count(); ++i) {
      for (int k = 0; k < file->service(i)->method_count(); ++k)
        methods.push_back(file->service(i)->method(k));
    }
  }
  return methods;
}

std::string NameOf(const MethodDescriptor& method) {
  return absl::StrCat(method.service()->name(), "/", method.name());
}

// A request in which every text is the name of a resource: of project `own`, but the one of index
// `foreign_at` of project `foreign`. Counts them in `count`.
void Fill(Message& message, const std::string& own, const std::string& foreign, int foreign_at,
          int& count) {
  const auto& reflection = *message.GetReflection();
  std::set<const google::protobuf::OneofDescriptor*> taken;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    const auto* oneof = field->real_containing_oneof();
    if (oneof != nullptr && !taken.insert(oneof).second) continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_map()) {
      Fill(field->is_repeated() ? *reflection.AddMessage(&message, field)
                                : *reflection.MutableMessage(&message, field),
           own, foreign, foreign_at, count);
    } else if (field->type() == FieldDescriptor::TYPE_STRING && field->name() != "module_path" &&
               field->name() != "input_ids") {
      const std::string name =
          absl::StrCat("projects/", count == foreign_at ? foreign : own, "/networks/n/snapshots/0");
      ++count;
      if (field->is_repeated()) {
        reflection.AddString(&message, field, name);
      } else {
        reflection.SetString(&message, field, name);
      }
    }
  }
}

struct Filled {
  std::unique_ptr<Message> request;
  int text_count = 0;
};

Filled RequestFor(const MethodDescriptor& method, const std::string& own,
                  const std::string& foreign = "", int foreign_at = -1) {
  Filled filled;
  filled.request.reset(google::protobuf::MessageFactory::generated_factory()
                           ->GetPrototype(method.input_type())
                           ->New());
  Fill(*filled.request, own, foreign, foreign_at, filled.text_count);
  return filled;
}

class AccessTest : public ServerFixture {
 protected:
  void SetUp() override { options_.access_file = directory_.path() + "/access.json"; }

  // Everybody may do something in `project`, `all` everything.
  void StartWithRoles(const std::string& project) {
    nlohmann::json tokens = nlohmann::json::array();
    for (const char* role : {"reader", "writer", "admin"}) {
      tokens.push_back({{"name", absl::StrCat("the ", role)},
                        {"sha256", TokenHash(absl::StrCat("token-", role))},
                        {"role", role},
                        {"projects", nlohmann::json::array({project})}});
    }
    tokens.push_back({{"name", "root"},
                      {"sha256", TokenHash("token-all")},
                      {"role", "admin"},
                      {"projects", "*"}});
    ReplaceFile(options_.access_file, nlohmann::json({{"tokens", tokens}}).dump());
    Start(options_);
  }

  static std::unique_ptr<grpc::ClientContext> ContextOf(const std::string& token) {
    auto context = Context();
    if (!token.empty()) context->AddMetadata("authorization", "Bearer " + token);
    return context;
  }

  // Calls any method with one message, reads to the end.
  grpc::Status Call(const MethodDescriptor& method, const Message& request,
                    const std::string& token) {
    const auto context = ContextOf(token);
    grpc::CompletionQueue queue;
    grpc::GenericStub stub(channel_);
    const auto call = stub.PrepareCall(
        context.get(), absl::StrCat("/", method.service()->full_name(), "/", method.name()),
        &queue);
    const auto wait = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    call->StartCall(nullptr);
    bool going = wait();
    const grpc::Slice slice(request.SerializeAsString());
    if (going) {
      call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
      wait();
    }
    grpc::ByteBuffer response;
    while (going) {
      call->Read(&response, nullptr);
      going = wait();
    }
    grpc::Status status;
    call->Finish(&status, nullptr);
    wait();
    return status;
  }

  grpc::Status Get(const std::string& name, const std::string& token) {
    v1::GetLayerRequest request;
    request.set_name(name);
    v1::GetLayerResponse response;
    return activations_->GetLayer(ContextOf(token).get(), request, &response);
  }

  TempDir directory_;
  ServerOptions options_ = Options();
};

void ExpectDenied(const grpc::Status& status, grpc::StatusCode code, const std::string& reason) {
  EXPECT_EQ(status.error_code(), code) << status.error_message();
  EXPECT_EQ(ReasonIn(status), reason);
}

TEST_F(AccessTest, EveryRpcHasARole) {
  std::vector<const MethodDescriptor*> methods = AllMethods();
  EXPECT_GE(methods.size(), 36U);
  for (const MethodDescriptor* method : methods)
    EXPECT_TRUE(RoleFor(NameOf(*method)).has_value()) << NameOf(*method);
  EXPECT_FALSE(RoleFor("AdminService/NoSuchRpc").has_value());
}

TEST_F(AccessTest, NobodyCallsWithoutCredentials) {
  StartWithRoles("own");
  for (const MethodDescriptor* method : AllMethods()) {
    SCOPED_TRACE(NameOf(*method));
    const Filled filled = RequestFor(*method, "own");
    ExpectDenied(Call(*method, *filled.request, ""), grpc::StatusCode::UNAUTHENTICATED,
                 "CREDENTIALS_MISSING");
    ExpectDenied(Call(*method, *filled.request, "token-of-a-stranger"),
                 grpc::StatusCode::UNAUTHENTICATED, "CREDENTIALS_UNKNOWN");
  }
}

TEST_F(AccessTest, EveryRpcAsksForItsRoleInItsProject) {
  StartWithRoles("own");
  for (const MethodDescriptor* method : AllMethods()) {
    const Role needed = *RoleFor(NameOf(*method));
    for (const Role role : {Role::kReader, Role::kWriter, Role::kAdmin}) {
      SCOPED_TRACE(absl::StrCat(NameOf(*method), " by ", RoleName(role)));
      const std::string token = absl::StrCat("token-", RoleName(role));
      const Filled own = RequestFor(*method, "own");
      const Filled foreign = RequestFor(*method, "foreign");
      const grpc::Status in_own = Call(*method, *own.request, token);
      const grpc::Status in_foreign = Call(*method, *foreign.request, token);
      if (role >= needed && ConcernsAllProjects(NameOf(*method))) {
        ExpectDenied(in_own, grpc::StatusCode::PERMISSION_DENIED, "ALL_PROJECTS_NEEDED");
        EXPECT_NE(Call(*method, *own.request, "token-all").error_code(),
                  grpc::StatusCode::PERMISSION_DENIED);
        continue;
      }
      if (role < needed) {
        ExpectDenied(in_own, grpc::StatusCode::PERMISSION_DENIED, "ROLE_TOO_LOW");
        ExpectDenied(in_foreign, grpc::StatusCode::PERMISSION_DENIED, "ROLE_TOO_LOW");
        continue;
      }
      EXPECT_NE(in_own.error_code(), grpc::StatusCode::PERMISSION_DENIED);
      EXPECT_NE(in_own.error_code(), grpc::StatusCode::UNAUTHENTICATED);
      if (foreign.text_count == 0) continue;
      // Each place of a request where a resource is named, by itself.
      for (int i = 0; i < own.text_count; ++i) {
        ExpectDenied(Call(*method, *RequestFor(*method, "own", "foreign", i).request, token),
                     grpc::StatusCode::PERMISSION_DENIED, "PROJECT_FORBIDDEN");
      }
    }
  }
}

TEST_F(AccessTest, WhatOtherProjectsHoldShowsNowhere) {
  StartWithRoles("own");
  const Activations secret = RandomActivations(20, 3, 1);
  v1::UploadHeader header = Header(secret, "x");
  const auto upload = [&](const v1::UploadHeader& opening, const std::string& token) {
    const auto context = ContextOf(token);
    const auto stream = activations_->UploadLayer(context.get());
    v1::UploadLayerRequest request;
    *request.mutable_header() = opening;
    stream->Write(request);
    v1::UploadLayerResponse first;
    stream->Read(&first);
    if (first.has_accepted()) {
      for (const v1::UploadChunk& chunk : CutRows(secret, 64)) {
        *request.mutable_chunk() = chunk;
        stream->Write(request);
      }
    }
    stream->WritesDone();
    v1::UploadLayerResponse response;
    while (stream->Read(&response)) {
    }
    EXPECT_TRUE(stream->Finish().ok());
    return std::pair(first, response);
  };
  const std::string digest = upload(header, "token-all").second.committed().sent_digest();
  ASSERT_EQ(digest.size(), 32U);

  // There or not, the answer is the same.
  const grpc::Status there = Get(LayerName("x"), "token-admin");
  const grpc::Status not_there = Get(LayerName("y"), "token-admin");
  ExpectDenied(there, grpc::StatusCode::PERMISSION_DENIED, "PROJECT_FORBIDDEN");
  EXPECT_EQ(there.error_message(), not_there.error_message());
  EXPECT_EQ(there.error_details(), not_there.error_details());

  // Who knows a digest learns nothing from it.
  v1::FindMissingLayersRequest question;
  question.set_parent("projects/own/networks/net/snapshots/0");
  question.add_layers()->set_module_path("x");
  question.mutable_layers(0)->set_digest(digest);
  v1::FindMissingLayersResponse missing;
  ASSERT_TRUE(
      activations_->FindMissingLayers(ContextOf("token-reader").get(), question, &missing).ok());
  EXPECT_EQ(missing.module_paths_size(), 1);
  header.set_parent(question.parent());
  header.set_expected_digest(digest);
  EXPECT_TRUE(upload(header, "token-writer").first.has_accepted());
}

TEST_F(AccessTest, StatsAreThoseOfTheProjectsThatOneMaySee) {
  options_.quota_file = directory_.path() + "/quotas.json";
  ReplaceFile(options_.quota_file, R"({"own": {"open_calls": 100}, "foreign": {}})");
  StartWithRoles("own");
  const Activations x = RandomActivations(20, 3, 1);
  const auto upload = [&](const std::string& project) {
    const auto context = ContextOf("token-all");
    const auto stream = activations_->UploadLayer(context.get());
    v1::UploadLayerRequest request;
    *request.mutable_header() = Header(x, "x");
    request.mutable_header()->set_parent(
        absl::StrCat("projects/", project, "/networks/net/snapshots/0"));
    stream->Write(request);
    for (const v1::UploadChunk& chunk : CutRows(x, 64)) {
      *request.mutable_chunk() = chunk;
      stream->Write(request);
    }
    stream->WritesDone();
    v1::UploadLayerResponse response;
    while (stream->Read(&response)) {
    }
    EXPECT_TRUE(stream->Finish().ok());
  };
  const auto stats = [&](const std::string& token) {
    v1::GetServerStatsResponse response;
    EXPECT_TRUE(
        admin_->GetServerStats(ContextOf(token).get(), v1::GetServerStatsRequest(), &response)
            .ok());
    return response;
  };
  upload("other");
  EXPECT_EQ(stats("token-reader").store_bytes(), 0);
  EXPECT_EQ(stats("token-reader").layer_count(), 0);
  // Content that is there already costs the store nothing, which only its owners may know.
  upload("own");
  EXPECT_EQ(stats("token-reader").store_bytes(), 240);
  EXPECT_EQ(stats("token-reader").layer_count(), 1);
  ASSERT_EQ(stats("token-reader").projects_size(), 1);
  EXPECT_EQ(stats("token-reader").projects(0).name(), "projects/own");
  EXPECT_EQ(stats("token-all").store_bytes(), 240);
  EXPECT_EQ(stats("token-all").layer_count(), 2);
  EXPECT_EQ(stats("token-all").projects_size(), 3);
}

TEST_F(AccessTest, AChangedFileIsInUseSoonAndABrokenOneNever) {
  StartWithRoles("own");
  const std::string layer = "projects/own/networks/n/snapshots/0/layers/l";
  EXPECT_EQ(Get(layer, "token-reader").error_code(), grpc::StatusCode::NOT_FOUND);
  const auto is_current = [&](const char* value) {
    return HttpGet(server_->metrics_address(), "/metrics")
               .body.find(absl::StrCat("gramian_config_last_reload_successful{source=\"access\"} ",
                                       value)) != std::string::npos;
  };
  EXPECT_TRUE(is_current("1"));
  ReplaceFile(options_.access_file, R"({"tokens": [{"nme": "x"}]})");
  EXPECT_TRUE(Eventually([&] { return is_current("0"); }));
  EXPECT_EQ(Get(layer, "token-reader").error_code(), grpc::StatusCode::NOT_FOUND);
  ReplaceFile(options_.access_file, "{}");
  EXPECT_TRUE(Eventually([&] {
    return Get(layer, "token-reader").error_code() == grpc::StatusCode::UNAUTHENTICATED;
  }));
  EXPECT_TRUE(Eventually([&] { return is_current("1"); }));
}

TEST_F(AccessTest, AServerDoesNotStartWithABrokenFile) {
  ReplaceFile(options_.access_file, "{");
  const auto server = Server::Start(options_);
  EXPECT_TRUE(absl::IsInvalidArgument(server.status()));
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("is not JSON"));
}

TEST_F(AccessTest, HealthIsForEverybody) {
  StartWithRoles("own");
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/livez").code, 200);
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/readyz").code, 200);
  grpc::GenericStub stub(channel_);
  const auto context = Context();
  grpc::CompletionQueue queue;
  // An empty request asks for the server as a whole.
  const grpc::Slice nothing("");
  const auto call = stub.PrepareUnaryCall(context.get(), "/grpc.health.v1.Health/Check",
                                          grpc::ByteBuffer(&nothing, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(AccessTest, ChangesAndRefusalsHaveALineInTheAuditFile) {
  options_.audit_file = directory_.path() + "/audit.log";
  StartWithRoles("own");
  const std::string snapshot = "projects/own/networks/n/snapshots/0";
  v1::DeleteSnapshotRequest request;
  request.set_name(snapshot);
  v1::DeleteSnapshotResponse response;
  activations_->DeleteSnapshot(ContextOf("token-writer").get(), request, &response);
  activations_->DeleteSnapshot(ContextOf("token-reader").get(), request, &response);
  Get(snapshot + "/layers/l", "token-reader");  // changes nothing
  Get(snapshot + "/layers/l", "a-strange-token");
  std::vector<nlohmann::json> lines;
  std::string text;
  ASSERT_TRUE(Eventually([&] {
    lines.clear();
    std::ifstream file(options_.audit_file);
    while (std::getline(file, text)) lines.push_back(nlohmann::json::parse(text));
    return lines.size() >= 3;
  }));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0]["who"], "the writer");
  EXPECT_EQ(lines[0]["rpc"], "ActivationService/DeleteSnapshot");
  EXPECT_EQ(lines[0]["resource"], snapshot);
  EXPECT_EQ(lines[0]["outcome"], "NOT_FOUND");
  EXPECT_EQ(lines[1]["who"], "the reader");
  EXPECT_EQ(lines[1]["reason"], "ROLE_TOO_LOW");
  EXPECT_EQ(lines[2]["who"], "");
  EXPECT_EQ(lines[2]["outcome"], "UNAUTHENTICATED");
  std::ifstream file(options_.audit_file);
  const std::string all{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_THAT(all, Not(HasSubstr("token-")));
  EXPECT_THAT(all, Not(HasSubstr("a-strange-token")));
}

TEST_F(AccessTest, StrangersDoNotFillTheAuditFile) {
  options_.audit_file = directory_.path() + "/audit.log";
  StartWithRoles("own");
  const std::string huge = "projects/" + std::string(1'000'000, 'b');
  Get(huge, "a-strange-token");
  const grpc::Status status = Get(huge, "token-reader");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_LE(status.error_message().size(), 1024U);
  // Not a project anybody could be granted, and nothing to be printed.
  EXPECT_EQ(Get("projects/x%0Aforged/networks/n/snapshots/0/layers/l", "token-reader").error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(Eventually([&] { return std::filesystem::file_size(options_.audit_file) > 0; }));
  EXPECT_LT(std::filesystem::file_size(options_.audit_file), 1000U);
}

TEST_F(AccessTest, AQuietLogStillHasItsAuditLines) {
  std::ostringstream log;
  const auto previous = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  spdlog::set_level(spdlog::level::off);
  AuditLog audit;
  ASSERT_TRUE(audit.Open("").ok());
  audit.Write({.who = "somebody",
               .rpc = "ActivationService/DeleteNetwork",
               .resource = "projects/own/networks/n",
               .request = {{"pinned", true}},
               .reason = ""});
  spdlog::set_default_logger(previous);
  spdlog::set_level(spdlog::level::info);
  EXPECT_THAT(log.str(), HasSubstr("audit {\"time\""));
  EXPECT_THAT(log.str(), HasSubstr("projects/own/networks/n"));
}

TEST_F(AccessTest, AuditLinesInAJsonLogAreFields) {
  std::ostringstream log;
  const auto previous = spdlog::default_logger();
  const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log);
  sink->set_formatter(NewLogFormatter("json"));
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
  AuditLog audit;
  ASSERT_TRUE(audit.Open("").ok());
  audit.Write({.who = "some\"body", .rpc = "x", .resource = "y", .request = {{"pinned", true}}});
  spdlog::info("something else");
  spdlog::set_default_logger(previous);
  std::istringstream lines(log.str());
  std::string text;
  ASSERT_TRUE(std::getline(lines, text));
  const nlohmann::json line = nlohmann::json::parse(text);
  EXPECT_EQ(line["message"], "audit");
  EXPECT_EQ(line["who"], "some\"body");
  EXPECT_EQ(line["request"]["pinned"], true);
  EXPECT_EQ(line["outcome"], "OK");
  ASSERT_TRUE(std::getline(lines, text));
  EXPECT_EQ(nlohmann::json::parse(text)["message"], "something else");
}

TEST_F(AccessTest, AuditLinesSayWhatWasAskedFor) {
  options_.audit_file = directory_.path() + "/audit.log";
  StartWithRoles("own");
  v1::PinSnapshotRequest pin;
  pin.set_name("projects/own/networks/n/snapshots/0");
  v1::PinSnapshotResponse pinned;
  activations_->PinSnapshot(ContextOf("token-writer").get(), pin, &pinned);
  pin.set_pinned(true);
  activations_->PinSnapshot(ContextOf("token-writer").get(), pin, &pinned);
  v1::SetLogLevelRequest level;
  level.set_level(v1::LOG_LEVEL_INFO);
  v1::SetLogLevelResponse level_before;
  ASSERT_TRUE(admin_->SetLogLevel(ContextOf("token-all").get(), level, &level_before).ok());
  v1::CreateBackupRequest backup;
  backup.set_name("monday" + std::string(1000, 'x'));
  v1::CreateBackupResponse made;
  admin_->CreateBackup(ContextOf("token-all").get(), backup, &made);
  v1::CreateProbeSetRequest probe_set;
  probe_set.set_parent("projects/own");
  probe_set.set_probe_set_id("digits");
  probe_set.set_input_count(10);
  v1::CreateProbeSetResponse created;
  activations_->CreateProbeSet(ContextOf("token-writer").get(), probe_set, &created);
  std::vector<nlohmann::json> lines;
  ASSERT_TRUE(Eventually([&] {
    lines.clear();
    std::ifstream file(options_.audit_file);
    for (std::string text; std::getline(file, text);) lines.push_back(nlohmann::json::parse(text));
    return lines.size() >= 5;
  }));
  EXPECT_EQ(lines[0]["request"]["pinned"], false);
  EXPECT_EQ(lines[1]["request"]["pinned"], true);
  EXPECT_EQ(lines[2]["request"]["level"], "LOG_LEVEL_INFO");
  EXPECT_EQ(lines[3]["request"]["name"].get<std::string>().substr(0, 7), "mondayx");
  EXPECT_EQ(lines[3]["request"]["name"].get<std::string>().size(), 256U);
  EXPECT_EQ(lines[4]["request"]["probe_set_id"], "digits");
}

TEST_F(AccessTest, WhatRetentionDeletesHasALine) {
  options_.audit_file = directory_.path() + "/audit.log";
  options_.retain_bytes = 100;
  options_.access_file.clear();
  Start(options_);
  MustUpload(RandomActivations(20, 3, 1), "x", 7);
  std::string text;
  ASSERT_TRUE(Eventually([&] {
    std::ifstream file(options_.audit_file);
    text.assign(std::istreambuf_iterator<char>(file), {});
    return text.find("\"retention\"") != std::string::npos;
  }));
  EXPECT_THAT(text, HasSubstr("\"rpc\":\"retention\",\"resource\":\"projects/"));
  EXPECT_THAT(text, HasSubstr("/networks/net/snapshots/7\""));
}

// Method: a file of which nothing can be written, and one that was renamed.
TEST_F(AccessTest, LinesThatTheAuditFileLacksAreCountedAndLogged) {
  std::ostringstream log;
  const auto previous = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  AuditLog full;
  ASSERT_TRUE(full.Open("/dev/full").ok());
  full.Write({.who = "somebody", .rpc = "x", .resource = "y"});
  spdlog::set_default_logger(previous);
  EXPECT_EQ(full.lost_lines(), 1);
  EXPECT_THAT(log.str(), HasSubstr("--audit-file /dev/full cannot be written: No space left"));
  EXPECT_THAT(log.str(), HasSubstr("\"who\":\"somebody\""));

  const std::string path = directory_.path() + "/audit.log";
  AuditLog audit;
  ASSERT_TRUE(audit.Open(path).ok());
  audit.Write({.who = "first"});
  std::filesystem::rename(path, path + ".1");
  audit.Write({.who = "second"});
  ASSERT_TRUE(audit.Reopen().ok());
  audit.Write({.who = "third"});
  const auto content = [](const std::string& name) {
    std::ifstream file(name);
    return std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  };
  EXPECT_THAT(content(path + ".1"), HasSubstr("second"));
  EXPECT_THAT(content(path), Not(HasSubstr("second")));
  EXPECT_THAT(content(path), HasSubstr("third"));
  EXPECT_EQ(audit.lost_lines(), 0);
}

}  // namespace
}  // namespace gramian::testing

// Goal: a request's layers are found in the order asked for, and only comparable ones together.
#include "gramian/engine/layer_selection.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/commit.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

SnapshotKey Snapshot(const std::string& network) { return {"default", network, 7}; }

class LayerSelectionTest : public ::testing::Test {
 protected:
  LayerSelectionTest() : store_(ActivationStore::Open(StoreOptions()).value()) {
    // Uploaded out of order; the last two have the same content.
    Upload("a", "fc2", 2, 20, "probes", 2);
    Upload("a", "in", 0, 20, "probes", 0);
    Upload("a", "fc1", 1, 20, "probes", 1);
    Upload("b", "in", 0, 20, "probes", 0);
    Upload("b", "fc1", 1, 20, "probes", 5);
  }

  void Upload(const std::string& network, const std::string& layer, int64_t ordinal, Index rows,
              const std::string& probe_set, uint64_t seed) {
    const absl::Status status =
        testing::Commit(*store_, {{Snapshot(network), layer}, "", probe_set, "none", ordinal},
                        *testing::AsFloat32(testing::RandomNormal(rows, 3, seed)))
            .status();
    ASSERT_TRUE(status.ok()) << status;
  }

  static std::vector<std::string> Names(const std::vector<StoredLayer>& layers) {
    std::vector<std::string> names;
    for (const StoredLayer& layer : layers) names.push_back(layer.description.key.layer);
    return names;
  }
  static PathSelection Path(const std::string& network) {
    PathSelection path;
    path.network.snapshot = Snapshot(network);
    return path;
  }

  std::unique_ptr<ActivationStore> store_;
};

TEST_F(LayerSelectionTest, LayersComeByOrdinalOrAsAskedFor) {
  EXPECT_THAT(Names(Select(*store_, {Snapshot("a"), {}}).value()), ElementsAre("in", "fc1", "fc2"));
  EXPECT_THAT(Names(Select(*store_, {Snapshot("a"), {"fc2", "in"}}).value()),
              ElementsAre("fc2", "in"));
  EXPECT_EQ(Select(*store_, {Snapshot("a"), {"fc9"}}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Select(*store_, {Snapshot("z"), {}}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(LayerSelectionTest, OtherInputsAreNamed) {
  Upload("other", "set", 0, 20, "elsewhere", 8);
  Upload("other", "rows", 1, 21, "probes", 9);
  const StoredLayer layer = store_->GetLayer({Snapshot("a"), "in"}).value();
  const StoredLayer set = store_->GetLayer({Snapshot("other"), "set"}).value();
  const StoredLayer rows = store_->GetLayer({Snapshot("other"), "rows"}).value();
  EXPECT_TRUE(CheckComparable(layer, layer).ok());
  EXPECT_THAT(CheckComparable(layer, set).message(), HasSubstr("probe set 'elsewhere'"));
  EXPECT_THAT(CheckComparable(layer, rows).message(),
              HasSubstr("layer 'rows' of other@7 has 21 inputs"));
  EXPECT_EQ(CheckComparable({layer}, {layer, rows}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(LayerSelectionTest, APathBeginsAtItsInputAndLeadsToItsTarget) {
  PathSelection path = Path("a");
  path.input = LayerKey{Snapshot("a"), "fc2"};
  path.target = LayerKey{Snapshot("b"), "fc1"};
  const absl::StatusOr<PathPoints> points = SelectPaths(*store_, {path});
  ASSERT_TRUE(points.ok()) << points.status();
  EXPECT_THAT(Names(points->layers), ElementsAre("fc2", "in", "fc1", "fc1"));
  EXPECT_THAT(points->paths[0].points, ElementsAre(0, 1, 2, 3));
}

TEST_F(LayerSelectionTest, EqualContentIsOnePoint) {
  const absl::StatusOr<PathPoints> points = SelectPaths(*store_, {Path("a"), Path("b")});
  ASSERT_TRUE(points.ok()) << points.status();
  EXPECT_THAT(Names(points->layers), ElementsAre("in", "fc1", "fc2", "fc1"));
  EXPECT_THAT(points->paths[0].points, ElementsAre(0, 1, 2));
  EXPECT_THAT(points->paths[1].points, ElementsAre(0, 3));
  EXPECT_EQ(points->paths[1].layers[0].snapshot, Snapshot("b"));
}

TEST_F(LayerSelectionTest, APathNeedsTwoPoints) {
  PathSelection path = Path("a");
  path.network.layers = {"in"};
  EXPECT_EQ(SelectPaths(*store_, {path}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SelectPaths(*store_, {}).status().code(), absl::StatusCode::kInvalidArgument);
  // The only layer on the way is its input as well.
  path.input = LayerKey{Snapshot("a"), "in"};
  EXPECT_EQ(SelectPaths(*store_, {path}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LayerSelectionTest, AnotherOrderOfInputsIsNamedWhereverItIsKnown) {
  const auto upload = [&](const std::string& layer, int64_t ordinal, const std::string& digest) {
    const auto content = testing::AsFloat32(testing::RandomNormal(20, 3, 70 + ordinal));
    UploadPlan plan =
        testing::PlanFor({{Snapshot("c"), layer}, "", "probes", "none", ordinal}, *content);
    plan.input_ids_digest = digest;
    const auto open = store_->OpenUpload(plan).value();
    const std::string bytes = testing::BytesOf(*content);
    ASSERT_TRUE(open->Append(0, 0, {absl::string_view(bytes)}).ok());
    ASSERT_TRUE(open->Commit().ok());
  };
  upload("unsaid", 0, "");
  upload("first", 1, std::string(32, 'A'));
  upload("same", 2, std::string(32, 'a'));
  const auto of = [&](const char* layer) {
    return store_->GetLayer({Snapshot("c"), layer}).value();
  };
  EXPECT_TRUE(CheckComparable(of("first"), of("same")).ok());
  EXPECT_TRUE(CheckComparable(of("unsaid"), of("same")).ok());
  const std::vector<StoredLayer> some = {of("unsaid"), of("first"), of("same")};
  EXPECT_TRUE(CheckComparable(some, some).ok());
  upload("other", 3, std::string(32, 'b'));
  for (const absl::Status& status :
       {CheckComparable(of("first"), of("other")), CheckComparable(some, {of("other")}),
        CheckComparable({of("unsaid")}, {of("first"), of("other")})}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("'first'"), HasSubstr("'other'"), HasSubstr("bbbb")));
  }
}

}  // namespace
}  // namespace gramian

// The catalog that keeps nothing.
#include "gramian/store/catalog.h"

#include "gtest/gtest.h"
#include "tests/store/sample_layers.h"

namespace gramian {
namespace {

TEST(CatalogTest, TheNullCatalogAgreesAndKeepsNothing) {
  const std::unique_ptr<Catalog> catalog = NewNullCatalog();
  StoredLayer layer;
  layer.description = Description(Snapshot(), "fc1");
  EXPECT_TRUE(catalog->PutLayer(layer, "part").ok());
  EXPECT_TRUE(catalog->PutUpload({"part", Plan(layer.description, 1), {}}).ok());
  EXPECT_TRUE(catalog->AddProbeSet({}).ok());
  EXPECT_TRUE(catalog->UpdateSnapshots({}).ok());
  EXPECT_TRUE(catalog->RemoveSnapshots({Snapshot()}).ok());
  EXPECT_TRUE(catalog->RemoveUploads({"part"}).ok());
  EXPECT_TRUE(catalog->RemoveProbeSet("default", "probes").ok());
  const absl::StatusOr<CatalogContents> contents = catalog->Read();
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_TRUE(contents->layers.empty());
  EXPECT_TRUE(contents->uploads.empty());
}

}  // namespace
}  // namespace gramian

"""Files that `gramian pull` and the data directory of gramiand hold, opened with NumPy and safetensors."""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import numpy
import safetensors
import safetensors.numpy

programs = argparse.Namespace()


class FilesTest(unittest.TestCase):
    """Three layers of different dtypes, pushed to a gramiand with a data directory."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        (cls.folder / "acts").mkdir()
        random = numpy.random.default_rng(1)
        values = random.standard_normal((50, 7))
        cls.layers = {
            "half": values.astype(numpy.float16),
            "encoder/0:relu": values.astype(numpy.float32),
            "logits": values,
        }
        for name, array in cls.layers.items():
            numpy.save(cls.folder / "acts" / (name.replace("/", "%2F").replace(":", "%3A") + ".npy"), array)
        # The upper halves of float32 values, as frameworks with bfloat16 hand them to NumPy.
        cls.bfloat16 = (values.astype(numpy.float32).view(numpy.uint32) >> 16).astype(numpy.uint16)
        numpy.save(cls.folder / "brain.npy", cls.bfloat16)
        cls.server = subprocess.Popen(
            [programs.gramiand, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
             "--data-dir", cls.folder / "data", "--disk-reserve-bytes", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        cls.address = re.search(r"127\.0\.0\.1:[0-9]+", cls.server.stdout.readline()).group(0)
        cls.gramian("push", cls.folder / "acts", "--network", "a")
        cls.gramian("push", cls.folder / "brain.npy", "--network", "b", "--dtype", "bfloat16")

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.communicate(timeout=60)
        cls.temporary.cleanup()

    @classmethod
    def gramian(cls, *arguments):
        subprocess.run([programs.gramian, "--server", cls.address, *arguments],
                       check=True, stdout=subprocess.DEVNULL, timeout=60)

    def check(self, tensors):
        self.assertEqual(set(tensors), set(self.layers))
        for name, array in self.layers.items():
            self.assertEqual(tensors[name].dtype, array.dtype)
            numpy.testing.assert_array_equal(tensors[name], array)

    def test_a_pulled_safetensors_file_holds_every_layer(self):
        path = self.folder / "all.safetensors"
        self.gramian("pull", "a@0", "-o", path)
        self.check(safetensors.numpy.load_file(path))

    def test_its_metadata_tells_what_the_tensors_do_not(self):
        path = self.folder / "meta.safetensors"
        self.gramian("pull", "a@0", "-o", path)
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
        self.assertRegex(metadata["logits#digest"], "^[0-9a-f]{32}$")
        self.assertEqual(metadata["encoder/0:relu#ordinal"], "0")

    def test_pulled_npy_files_hold_every_layer(self):
        path = self.folder / "npy"
        self.gramian("pull", "a@0", "-o", path)
        self.check({name: numpy.load(path / (name.replace("/", "%2F").replace(":", "%3A") + ".npy"))
                    for name in self.layers})

    def test_bfloat16_is_bfloat16_in_safetensors_and_two_bytes_in_npy(self):
        path = self.folder / "brain.safetensors"
        self.gramian("pull", "b@0/brain", "-o", path)
        with safetensors.safe_open(path, framework="numpy") as file:
            tensor = file.get_slice("brain")
            self.assertEqual(tensor.get_dtype(), "BF16")
            self.assertEqual(tensor.get_shape(), [50, 7])
        self.gramian("pull", "b@0/brain", "-o", self.folder / "back.npy")
        back = numpy.load(self.folder / "back.npy")
        numpy.testing.assert_array_equal(back.view(numpy.uint16), self.bfloat16)

    def test_every_blob_of_the_data_directory_is_a_safetensors_file(self):
        blobs = sorted((self.folder / "data" / "blobs").glob("*/*.safetensors"))
        self.assertEqual(len(blobs), 4)
        found = 0
        for blob in blobs:
            with safetensors.safe_open(blob, framework="numpy") as file:
                (name,) = file.keys()
                tensor = file.get_slice(name)
                self.assertEqual(tensor.get_shape(), [50, 7])
                if tensor.get_dtype() == "BF16":
                    continue
                value = file.get_tensor(name)
            found += any(value.dtype == array.dtype and numpy.array_equal(value, array)
                         for array in self.layers.values())
        self.assertEqual(found, 3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--gramian", required=True)
    parser.add_argument("--gramiand", required=True)
    parser.parse_args(namespace=programs)
    unittest.main(argv=sys.argv[:1])

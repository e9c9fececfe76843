"""What the distributions promise: metadata, licences, pages without broken links, and the recipe for contributors."""

import configparser
import doctest
import inspect
import re
import types
from functools import cache
from pathlib import Path
from unittest import mock

import pytest

import npae
from tests.devices import each_device
from tests.test_readme import links, text_of

ROOT = Path(__file__).resolve().parent.parent
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")


def lines(section, key):
    return [line for line in SETUP[section][key].splitlines() if line]


def test_the_page_of_a_package_index_has_no_link_into_the_repository():
    page = SETUP["metadata"]["long_description"].removeprefix("file: ")
    assert links(text_of(page)) == [] and "![" not in text_of(page)


def test_the_licences_are_there_and_named():
    assert SETUP["metadata"]["license_expression"] == "MIT AND CC-BY-SA-3.0"
    for file in lines("metadata", "license_files"):
        assert (ROOT / file).is_file()
    assert text_of("LICENSE").startswith("MIT License") and "npae developers" in text_of("LICENSE")
    notice = text_of("NOTICE")
    for name in ("LeCun", "Cortes", "Burges", "Attribution-ShareAlike 3.0", "Labeled Faces in the Wild", "CC BY 4.0"):
        assert name in notice


def test_versions_are_stated_once():
    assert f"version: {npae.__version__}\n" in text_of("CITATION.cff")
    assert SETUP["metadata"]["version"] == "attr: npae.version.__version__"


def test_classifiers_name_the_pythons_that_continuous_integration_runs():
    named = re.findall(r"Python :: (3\.\d+)$", SETUP["metadata"]["classifiers"], re.MULTILINE)
    ran = re.search(r"^PYTHONS=\"([\d. ]+)\"$", text_of(".ci/run"), re.MULTILINE)
    assert named == ran[1].split()
    assert SETUP["options"]["python_requires"] == f">={named[0]}"


def test_the_source_distribution_has_every_folder_that_tests_read():
    manifest = text_of("MANIFEST.in")
    for folder in ("tests", "demos", "benchmarks", "docs"):
        assert f"graft {folder}\n" in manifest and (ROOT / folder).is_dir()
    for file in re.search(r"^include (CHANGELOG.*)$", manifest, re.MULTILINE)[1].split():
        assert (ROOT / file).is_file()


def test_the_extra_all_has_everything_that_one_machine_can_have():
    extras = SETUP["options.extras_require"]
    named = set(re.findall(r"%\((\w+)\)s", SETUP.get("options.extras_require", "all", raw=True)))
    assert set(extras) - named == {"all", "test", "mpi", "bench", "docs", "cuda12", "cuda13"}


def test_the_package_is_typed():
    assert (ROOT / "npae" / "py.typed").is_file()
    assert "py.typed" in SETUP["options.package_data"]["npae"]


@cache
def recipe():
    """The two files of CONTRIBUTING.md, the layer and its test, as modules; the layer's name is in npae.layers."""
    layer, test = types.ModuleType("layer"), types.ModuleType("test")
    code = re.findall(r"```python\n(.*?)```", text_of("CONTRIBUTING.md"), re.DOTALL)
    exec(code[0], vars(layer))
    with mock.patch.object(npae.layers, "Gain", layer.Gain, create=True):
        exec(code[1], vars(test))
    return layer, test


@each_device
def test_the_layer_of_the_recipe_keeps_the_contract(device):
    layer, test = recipe()
    inspect.unwrap(test.test_contract)(device)
    assert layer.Gain(5).initialize(seed=0).theta.size == 5


def test_the_example_of_the_recipe_runs():
    layer, _ = recipe()
    with mock.patch.object(npae.layers, "Gain", layer.Gain, create=True):
        test = doctest.DocTestFinder(recurse=False).find(layer.Gain, "Gain", module=False, globs={})[0]
        assert test.examples and doctest.DocTestRunner().run(test).failed == 0


def test_a_relative_link_would_be_found():
    assert links("[a](docs/notation.md) [b](https://example.org)") == ["docs/notation.md"]
    with pytest.raises(AssertionError):
        assert links("[a](b.md)") == []

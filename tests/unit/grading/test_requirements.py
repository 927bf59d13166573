"""What a requirements file may say."""

import pytest

from grading.requirements import MOST, RequirementsError, digest_of, read_requirements


def test_files_that_mean_the_same_are_the_same() -> None:
    one = read_requirements(b"# plots\nNumPy >= 2.1  # arrays\n\nmatplotlib\n")
    other = read_requirements("\ufeffmatplotlib\r\nnumpy>=2.1\r\nnumpy>=2.1\r\n".encode())

    assert one == other == "matplotlib\nnumpy>=2.1"
    assert digest_of(one) == digest_of(other) != digest_of("matplotlib\nnumpy>=2.2")


def test_extras_and_markers_are_kept() -> None:
    said = b"zict[cache]==3.0; python_version > '3.8'"
    assert read_requirements(said) == 'zict[cache]==3.0; python_version > "3.8"'


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("-r other.txt", "Line 1: options are not taken here"),
        ("numpy\n--index-url https://evil.example", "Line 2: options are not taken here"),
        ("-e .", "options are not taken"),
        ("tool @ https://evil.example/tool.whl", "addresses are not taken here"),
        ("./tool.whl", "is not the name of a package"),
        ("numpy==", "is not the name of a package"),
        ("import os", "is not the name of a package"),
        ("# nothing\n\n", "It names no package"),
        ("\n".join(f"p{number}" for number in range(MOST + 1)), f"at most {MOST} are taken"),
        ("x" * 30_000, "It is larger than 20 kB"),
    ],
)
def test_what_could_run_or_lead_elsewhere_is_refused(said: str, why: str) -> None:
    with pytest.raises(RequirementsError) as error:
        read_requirements(said.encode())

    assert why in " ".join(error.value.problems)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(RequirementsError) as error:
        read_requirements(b"-e .\nnumpy\n???")

    assert len(error.value.problems) == 2


def test_what_is_not_text_is_refused() -> None:
    with pytest.raises(RequirementsError, match="not UTF-8"):
        read_requirements(b"numpy\xff")

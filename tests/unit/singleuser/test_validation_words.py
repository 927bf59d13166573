"""What nbgrader's validator says, in plain words."""

import pytest

from jupyter_ext.singleuser.validation_words import explain_end, explain_error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("Traceback\n  assert x\nAssertionError: x is 4", "A check did not hold: x is 4"),
        ("---\nAssertionError: ", "A check did not hold."),
        ("NotImplementedError", "not written yet"),
        ("NotImplementedError: ", "not written yet"),
        ("KeyError: 'a'", "It ended with an error, KeyError: 'a'"),
        ("numpy.linalg.LinAlgError: Singular matrix", "LinAlgError: Singular matrix"),
        ("CellTimeoutError: No reply from kernel before timeout", "loop that does not end"),
        ("KeyboardInterrupt: ", "It ended with an error, KeyboardInterrupt."),
        ("Partial credit; passed some but not all of the tests", "not all"),
        ("You did not provide a response.", "no answer here yet"),
        ("a warning on stderr", "It did not pass."),
        ("", "It did not pass."),
    ],
)
def test_a_failed_test_is_explained(error: str, words: str) -> None:
    assert words in explain_error(error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("DeadKernelError: Kernel died", "too much memory"),
        ("NoSuchKernel: No such kernel named julia", "a kernel that is not here: No such kernel named julia"),
        ("SchemaTooOldError: 1", "cannot be read"),
        ("OSError: disk", "It could not be checked: OSError: disk"),
    ],
)
def test_a_notebook_that_was_not_checked_to_its_end_is_explained(error: str, words: str) -> None:
    assert words in explain_end(error)

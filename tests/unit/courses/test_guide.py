"""The example in docs/course-folders.md is a course."""

import re
from pathlib import Path

import pytest

from plugins.courses.folder import read_course_folder
from tests.factories.course_folders import PNG, quiz_notebook

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "course-folders.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    found = re.search(rf"^`{re.escape(name)}`:\n\n```\w+\n(.*?)^```", GUIDE, re.S | re.M)
    assert found, name
    return found.group(1)


def test_the_example_can_be_imported(tmp_path: Path) -> None:
    for name in ("lessons/sowing.md", "media/seed.png", "source/quiz-1/quiz-1.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "course.toml").write_text(example("course.toml"))
    (tmp_path / "lessons" / "sowing.md").write_text(example("lessons/sowing.md"))
    (tmp_path / "media" / "seed.png").write_bytes(PNG)
    (tmp_path / "source" / "quiz-1" / "quiz-1.ipynb").write_bytes(quiz_notebook())
    (tmp_path / "media" / "growth.ipynb").write_bytes(quiz_notebook())

    folder = read_course_folder(tmp_path)

    assert [item.slug for item in folder.items] == ["sowing", "first-quiz", "film", "growth", "forest"]
    assert folder.quizzes[0].due is not None


def test_the_readme_leads_to_the_guide() -> None:
    assert "docs/course-folders.md" in (ROOT / "README.md").read_text(encoding="utf-8")

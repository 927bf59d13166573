"""A course folder is read whole, or every problem is named: file, place, and what to do."""

import json
import os
from pathlib import Path

import pytest

from plugins.courses.course_file import CourseFolderError
from plugins.courses.folder import MAX_MEDIA_BYTES, CourseFolder, read_course_folder
from tests.factories import notebooks as make
from tests.factories.answers import COURSE
from tests.factories.course_folders import TOML, changed, quiz_notebook, write_folder

pytestmark = pytest.mark.one_database


def problems_of(path: Path, **options: int) -> list[str]:
    with pytest.raises(CourseFolderError) as caught:
        read_course_folder(path, **options)
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert all(problem.endswith(".") for problem in caught.value.problems), caught.value.problems
    return caught.value.problems


def problem_of(path: Path, **options: int) -> str:
    (problem,) = problems_of(path, **options)
    return problem


def test_a_sound_folder_is_read_whole(tmp_path: Path) -> None:
    folder = read_course_folder(write_folder(tmp_path))

    assert [item.slug for item in folder.items] == ["sowing", "watering", "first-quiz", "second-quiz"]
    quiz = folder.quizzes[0]
    assert (quiz.attempts, quiz.due and quiz.due.isoformat()) == (3, "2026-11-30T23:59:00+01:00")
    assert [name for name, _file in folder.media.files] == ["page.html", "rain.csv", "seed.png", "tree.svg"]


def test_the_demo_course_is_sound() -> None:
    assert len(list(read_course_folder(COURSE).items)) == 8


def test_marks_of_byte_order_are_no_text(tmp_path: Path) -> None:
    folder = read_course_folder(
        write_folder(
            tmp_path,
            {"course.toml": b"\xef\xbb\xbf" + TOML.encode(), "lessons/watering.md": b"\xef\xbb\xbf# Watering\n\nYes."},
        )
    )

    assert folder.read_lesson(folder.lessons[1]).startswith("# Watering")


def test_a_course_without_quizzes_or_without_lessons_is_a_course(tmp_path: Path) -> None:
    head, module, *items = TOML.split("[[module.item]]")[0], "[[module.item]]", *TOML.split("[[module.item]]")[1:]
    (tmp_path / "a" / "lessons").mkdir(parents=True)
    (tmp_path / "a" / "lessons" / "watering.md").write_text("Yes.")
    (tmp_path / "a" / "course.toml").write_text(head + module + items[1])

    assert read_course_folder(tmp_path / "a").quizzes == []

    write_folder(tmp_path / "b", {"course.toml": head + module + items[2].partition("[[module]]")[0]})
    assert read_course_folder(tmp_path / "b").lessons == []


def test_hidden_files_and_leftovers_are_no_part_of_a_course(tmp_path: Path) -> None:
    write_folder(
        tmp_path,
        {
            "media/.git/config": "secret",
            "media/.DS_Store": "x",
            "source/quiz-1/.ipynb_checkpoints/quiz-1.ipynb": "x",
            "source/quiz-1/__pycache__/a.pyc": "x",
        },
    )
    folder = read_course_folder(tmp_path)

    assert "config" not in str(folder.media.files)
    assert [name for name, _file in folder.source(folder.quizzes[0]).files] == ["data.csv", "quiz-1.ipynb"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('slug = "trees"\n', "", "course.toml: slug: is missing; add it."),
        ('slug = "trees"', 'slug = "Big Trees"', "slug: use lower-case letters, digits and - only, at most 79"),
        ('slug = "trees"', 'slug = "../trees"', "(it is '../trees')."),
        ('slug = "trees"', "slug = 7", "slug: must be text in quotes (it is 7)."),
        ('title = "Trees"', 'title = " "', "course.toml: title: is empty; fill it in"),
        ('title = "Trees"', f'title = "{"x" * 201}"', "title: is too long; at most 200 characters"),
        ('title = "Trees"', 'title = "a\\u0000b"', "title: use one line of plain text, without control characters"),
        ('licence = "CC-BY-4.0"', f'licence = "{"x" * 300}"', "licence: is too long; at most 200 characters"),
        ('authors = ["Ada"]', 'authors = "Ada"', "authors: must be a list"),
        ('authors = ["Ada"]', "authors = [1]", "authors 1: must be text in quotes"),
        ('language = "en"', 'language = "english"', "language: use a language code such as en or pt-BR"),
        ('language = "en"', 'colour = "en"', "colour: is not known here; check its spelling or remove it"),
        (
            'type = "quiz"',
            'type = "exam"',
            "module 1, item 3: type must be one of: lesson, video, notebook, quiz, file, link.",
        ),
        (
            'type = "lesson"\n',
            "",
            'module 1, item 1: type is missing; write type = "lesson" or another of: video, notebook, quiz',
        ),
        ("attempts = 3", "attempts = 0", "module 1, item 3, attempts: must be at least 1 (it is 0)."),
        ("attempts = 3", 'attempts = "3"', "attempts: must be a whole number"),
        ("attempts = 3", "attempts = true", "attempts: must be a whole number"),
        ("attempts = 3", "attemps = 3", "module 1, item 3, attemps: is not known here"),
        ("23:59:00+01:00", "23:59:00", "due: has no time zone; write it as 2026-11-30T23:59:00+01:00"),
        ("attempts = 3", 'counts = "worst"', "module 1, item 3, counts: must be one of: 'last', 'best' or 'first'"),
        ("attempts = 3", "late_at_most = 50", "late_at_most: needs late_per_day: say what each day costs"),
        ("attempts = 3", "late_per_day = 0", "late_per_day: must be at least 1 (it is 0)."),
        ("attempts = 3", 'late_per_day = "10%"', "late_per_day: must be a whole number"),
        ("attempts = 3", "late_per_day = 20\nlate_at_most = 10", "late_at_most: must be at least late_per_day, 20"),
        ("attempts = 3", "closes = 2026-11-01T00:00:00Z", "closes: must not be before due"),
        ("due = 2026-11-30T23:59:00+01:00", "late_per_day = 10", "late_per_day: needs a due date"),
        ("2026-11-30T23:59:00+01:00", '"soon"', "due: is not a date with a time"),
        ("2026-11-30T23:59:00+01:00", "2026-13-30T23:59:00+01:00", "course.toml: is not valid TOML"),
        ('assignment = "quiz-1"', 'assignment = "../quiz-1"', "assignment: use letters, digits"),
        ('"lessons/sowing.md"', '"lessons/sowing.html"', "file: name a Markdown file that ends in .md"),
        ("[[module]]", "[[module", "course.toml: is not valid TOML"),
    ],
)
def test_what_is_wrong_in_course_toml_is_said_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in problem_of(write_folder(tmp_path, changed(old, new)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "slug: is missing"),
        ('slug = "a"\ntitle = "A"\nmodule = "x"', "module: must be written [[module]], with two brackets"),
        ('slug = "a"\ntitle = "A"\n[module]\ntitle = "M"', "module: must be written [[module]], with two brackets"),
        ('slug = "a"\ntitle = "A"\nmodule = []', "module: is empty; add at least one"),
        ('slug = "a"\ntitle = "A"\n[[module]]\ntitle = "M"\nitem = [3]', "module 1, item 1: must be a table"),
        ("a = " + "[" * 3000, "is not valid TOML"),
        ("\xff\xfe", "course.toml:"),
    ],
)
def test_a_course_toml_of_another_shape_is_explained(tmp_path: Path, text: str, said: str) -> None:
    write_folder(tmp_path, {"course.toml": text.encode("latin-1")})

    assert any(said in problem for problem in problems_of(tmp_path)), problems_of(tmp_path)


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    write_folder(
        tmp_path,
        changed('slug = "watering"', 'slug = "sowing"')
        | {
            "lessons/watering.md": None,
            "media/huge.png": bytes(MAX_MEDIA_BYTES + 1),
            "source/quiz-1/quiz-1.ipynb": quiz_notebook(
                4, make.tests("sum-tests", 0, "pass"), make.tests("b", 1, "1 +")
            ),
            "source/quiz-2/quiz-2.ipynb": "{",
        },
    )
    found = problems_of(tmp_path)

    assert [problem.partition(": ")[0] for problem in found] == [
        "course.toml",
        "lessons/watering.md",
        "source/quiz-1/quiz-1.ipynb",
        "source/quiz-1/quiz-1.ipynb",
        "source/quiz-2/quiz-2.ipynb",
        "media/huge.png",
    ]
    assert 'cell 4 ("sum-tests"): It is graded with 0 points.' in found[2]
    assert 'cell 5 ("b"): Its tests are not valid Python' in found[3]


def test_two_quizzes_do_not_share_an_assignment(tmp_path: Path) -> None:
    said = problem_of(write_folder(tmp_path, changed('assignment = "quiz-2"', 'assignment = "quiz-1"')))

    assert said.startswith("course.toml: quiz second-quiz: the assignment quiz-1 is used by another quiz already")


@pytest.mark.parametrize(
    "file", ["../outside.md", "/etc/hostname.md", "lessons/../../outside.md", "lessons/out.md", "lessons/loop.md"]
)
def test_a_lesson_outside_the_folder_is_refused(tmp_path: Path, file: str) -> None:
    root = write_folder(tmp_path / "course", changed("lessons/sowing.md", file))
    (tmp_path / "outside.md").write_text("secret")
    (root / "lessons" / "out.md").symlink_to(tmp_path / "outside.md")
    (root / "lessons" / "loop.md").symlink_to("loop.md")

    said = next(problem for problem in problems_of(root) if problem.startswith(f"{file}: "))
    assert "lies outside the course folder" in said or "cannot be followed" in said


@pytest.mark.parametrize("part", ["media", "source/quiz-1"])
def test_links_out_of_the_folder_are_refused_and_links_inside_are_files(tmp_path: Path, part: str) -> None:
    root = write_folder(tmp_path / "course")
    (tmp_path / "secret").write_text("secret")
    (root / part / "inside.csv").symlink_to(root / "media" / "rain.csv")
    read_course_folder(root)

    (root / part / "out").symlink_to(tmp_path / "secret")
    (root / part / "dangling").symlink_to("nothing")
    (root / part / "loop").symlink_to("loop")
    (root / part / "above").symlink_to("..", target_is_directory=True)
    os.mkfifo(root / part / "pipe")

    assert problems_of(root) == [
        f"{part}/above: is a link to a folder; put the files themselves there.",
        f"{part}/dangling: is a link to nothing; put the file itself there.",
        f"{part}/loop: is a link to nothing; put the file itself there.",
        f"{part}/out: is a link out of the course folder; put the file itself there.",
        f"{part}/pipe: is not a regular file; remove it.",
    ]


@pytest.mark.parametrize("part", ["media", "source/quiz-1", "source"])
def test_a_part_that_is_a_link_out_is_refused(tmp_path: Path, part: str) -> None:
    root = write_folder(tmp_path / "course")
    (root / part).rename(tmp_path / "elsewhere")
    (root / part).symlink_to(tmp_path / "elsewhere")

    assert any(" link" in problem for problem in problems_of(root)), problems_of(root)


def test_a_header_that_is_a_link_out_is_refused(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "course")
    (tmp_path / "header.ipynb").write_bytes(quiz_notebook())
    (root / "source" / "header.ipynb").symlink_to(tmp_path / "header.ipynb")

    assert problem_of(root).startswith("source/header.ipynb: lies outside the course folder")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lessons/watering.md": "Gr\xfcn".encode("latin-1")}, "lessons/watering.md: is not UTF-8 text"),
        ({"lessons/watering.md": b"a\0b"}, "lessons/watering.md: holds a NUL character"),
        ({"lessons/watering.md": b"x" * 500_001}, "lessons/watering.md: is larger than 500 kB"),
        ({"media/" + "x" * 200 + "/" + "y" * 200: b""}, "its path is longer than 300 characters"),
        ({"source/quiz-2/quiz-2.ipynb": None}, "source/quiz-2: has no notebook"),
        ({"source/quiz-2/quiz-2.ipynb": b"\xff"}, "source/quiz-2/quiz-2.ipynb: This is not a notebook"),
        ({"source/quiz-2/quiz-2.ipynb": "[]"}, "This is not a notebook of format 4"),
        ({"source/quiz-2/quiz-2.ipynb": make.notebook()}, "source/quiz-2/: No cell gives points"),
        ({"source/quiz-2/" + "a.b" + "$.ipynb": quiz_notebook()}, "Use letters, digits, spaces, - and _ in its name"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(
    tmp_path: Path, changes: dict[str, bytes | str | None], said: str
) -> None:
    assert said in problem_of(write_folder(tmp_path, changes))


def test_a_quiz_is_no_larger_than_what_can_be_handed_in(tmp_path: Path) -> None:
    write_folder(tmp_path, {"source/quiz-2/big.csv": bytes(2_000_000)})

    said = problem_of(tmp_path, max_quiz_bytes=1_000_000)
    assert said.startswith("source/quiz-2: its files have 2.0 MB together; at most 1 MB can be handed in.")
    assert "The largest is big.csv" in said


def test_a_quiz_has_no_more_files_than_can_be_handed_in(tmp_path: Path) -> None:
    write_folder(tmp_path, {f"source/quiz-2/d/{number}": "x" for number in range(401)})

    assert "source/quiz-2: has 402 files; at most 400" in problem_of(tmp_path)


@pytest.mark.parametrize("metadata", [None, [], {"nbgrader": 3}, {"nbgrader": None}])
def test_odd_metadata_breaks_nothing(tmp_path: Path, metadata: object) -> None:
    body = json.loads(quiz_notebook())
    body["cells"].append({"cell_type": "code", "metadata": metadata, "source": ["a", "b"], "outputs": []})
    body["metadata"]["language_info"] = None

    read_course_folder(write_folder(tmp_path, {"source/quiz-2/quiz-2.ipynb": json.dumps(body)}))


def test_a_cell_whose_text_is_none_is_named(tmp_path: Path) -> None:
    body = json.loads(quiz_notebook())
    body["cells"][1]["source"] = None

    said = problem_of(write_folder(tmp_path, {"source/quiz-2/quiz-2.ipynb": json.dumps(body)}))
    assert said.startswith("source/quiz-2/quiz-2.ipynb: cell 2: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("One\n\n[x](missing.md)", "line 3: the link “missing.md” leads nowhere; name a lesson's file"),
        ("[x](no-such-slug)", "line 1: the link “no-such-slug” leads nowhere"),
        ("[x](/etc/passwd)", "the link “/etc/passwd” leads nowhere"),
        ("[x](//example.org)", "the link “//example.org” leads nowhere"),
        ('<a href="javascript:alert(1)">x</a>', "the link “javascript:alert(1)” leads nowhere"),
        ("![x](../media/none.png)", "line 1: there is no file media/none.png; add it or correct the name."),
        ("[x](../media/none.csv)", "there is no file media/none.csv"),
        ("![x](../media/../../secret)", "the image “../media/../../secret” cannot be shown"),
        (
            "![x](https://example.org/x.png)",
            "the image “https://example.org/x.png” cannot be shown; put it into media/",
        ),
    ],
)
def test_a_link_that_leads_nowhere_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    found = problem_of(write_folder(tmp_path, {"lessons/watering.md": text}))

    assert found.startswith("lessons/watering.md: ")
    assert said in found


def test_links_in_code_are_no_links(tmp_path: Path) -> None:
    read_course_folder(write_folder(tmp_path, {"lessons/watering.md": "`[x](nowhere)`\n\n    <a href='nowhere'>\n"}))


def test_a_path_that_is_no_course_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "nb" / "source").mkdir(parents=True)

    assert problem_of(tmp_path / "nothing").endswith("nothing: there is no such folder.")
    assert "is a file; name the folder" in problem_of(tmp_path / "course.toml")
    assert "holds neither course.toml nor an nbgrader folder" in problem_of(tmp_path / "empty")
    assert "has no folder with a notebook in it" in problem_of(tmp_path / "nb")


def nbgrader_folder(path: Path, *names: str) -> CourseFolder:
    for name in names:
        (path / "source" / name).mkdir(parents=True)
        (path / "source" / name / "problem.ipynb").write_bytes(quiz_notebook())
    return read_course_folder(path)


def test_an_nbgrader_folder_becomes_one_module_with_a_quiz_for_each_assignment(tmp_path: Path) -> None:
    course = nbgrader_folder(tmp_path / "Data_Science 2026", "ps1", "PS-1", "week_2").course

    assert (course.slug, course.title) == ("data-science-2026", "Data Science 2026")
    assert [(item.slug, item.title) for item in course.module[0].item] == [
        ("ps-1", "PS 1"),
        ("ps1", "Ps1"),
        ("week-2", "Week 2"),
    ]


def test_assignments_whose_names_differ_in_signs_only_get_slugs_of_their_own(tmp_path: Path) -> None:
    course = nbgrader_folder(tmp_path / "course", "ps-1", "ps_1").course

    assert [item.slug for item in course.module[0].item] == ["ps-1", "ps-1-2"]


def test_nbgrader_folders_with_unfit_names_are_named(tmp_path: Path) -> None:
    with pytest.raises(CourseFolderError, match="source/Problem Set 1: rename the folder"):
        nbgrader_folder(tmp_path / "course", "Problem Set 1")
    with pytest.raises(CourseFolderError, match="Курс: rename the folder with Latin letters"):
        nbgrader_folder(tmp_path / "Курс", "ps1")


VIDEO = '\n[[module.item]]\ntype = "video"\nslug = "film"\ntitle = "Film"\n'


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (VIDEO, "module 2, item 2: name either a file in media/ (file) or an address (url)."),
        (VIDEO + 'file = "media/a.mp4"\nurl = "https://a.example/"', "module 2, item 2: name either a file"),
        (VIDEO + 'file = "a.mp4"', "module 2, item 2, file: name a file that begins with media/ (it is 'a.mp4')."),
        (VIDEO + 'file = "media/a.mp4"', "media/a.mp4: there is no such file; add it or correct the name (video film"),
        (VIDEO + 'url = "ftp://a.example"', "item 2, url: write a whole address that begins with https://"),
        (VIDEO + 'url = "javascript:alert(1)"', "item 2, url: write a whole address that begins with https://"),
        (VIDEO + 'url = "https://a.example"\nminutes = 0', "minutes: must be at least 1 (it is 0)."),
        (VIDEO + 'url = "https://a.example"\nstate = "secret"', "state: must be one of: 'draft' or 'published'"),
        (VIDEO + 'url = "https://a.example"\nrequired = "no"', "required: must be true or false, without quotes"),
        (VIDEO + 'url = "https://a.example"\nafter = ["nothing"]', "item film: after names nothing, which is no item"),
        (VIDEO + 'url = "https://a.example"\nafter = ["film"]', "item film waits for itself (film after film)"),
        (VIDEO.replace("video", "notebook") + 'file = "media/a.csv"', "file: name a notebook that begins with media/"),
        (VIDEO.replace("video", "notebook") + 'file = "media/a.ipynb"', "media/a.ipynb: is no notebook of format 4"),
        (VIDEO.replace("video", "link") + 'url = ""', "item 2: url is missing; write a whole address"),
        ('\n[[module]]\nslug = "seeds"\ntitle = "M"', "two modules have the slug seeds; give each its own."),
        ('\n[[module]]\ntitle = "M"\nafter = ["x"]', "module m: after names x, which is no module of this course"),
    ],
)
def test_what_is_wrong_with_an_item_is_said(tmp_path: Path, more: str, said: str) -> None:
    toml = TOML.replace('title = "Seeds"', 'title = "Seeds"\nslug = "seeds"') + more

    assert said in problem_of(write_folder(tmp_path, {"course.toml": toml, "media/a.ipynb": "{}"}))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("price = 5", "price and currency belong together; write both or none."),
        ('price = 5\ncurrency = "euro"', "currency: use three capital letters such as EUR"),
        ('price = 0.5\ncurrency = "EUR"', "price: must be a whole number"),
        ('level = "hard"', "level: must be one of: "),
        ('revision = "7"', "revision: leave it as an export wrote it, or remove the line"),
        ('description = "a\\u0007"', "description: use plain text, without control characters"),
    ],
)
def test_what_is_wrong_with_the_settings_is_said(tmp_path: Path, line: str, said: str) -> None:
    assert said in problem_of(write_folder(tmp_path, {"course.toml": f"{line}\n{TOML}"}))


def test_items_that_wait_for_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    toml = TOML.replace('slug = "sowing"', 'slug = "sowing"\nafter = ["watering"]')
    toml = toml.replace('slug = "watering"', 'slug = "watering"\nafter = ["first-quiz"]')
    toml = toml.replace('slug = "first-quiz"', 'slug = "first-quiz"\nafter = ["sowing"]')

    assert "sowing after watering after first-quiz after sowing" in problem_of(
        write_folder(tmp_path, {"course.toml": toml})
    )


def test_modules_without_a_slug_get_one_from_their_title(tmp_path: Path) -> None:
    toml = TOML.replace('title = "Wood"', 'title = "Seeds"') + '\n[[module]]\ntitle = "日本"\n'
    folder = read_course_folder(write_folder(tmp_path, {"course.toml": toml}))

    assert [module.slug for module in folder.course.module] == ["seeds", "seeds-2", "module-3"]

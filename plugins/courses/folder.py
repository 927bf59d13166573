"""A course as a folder of files: reads and checks it, touches nothing.

    course.toml            what the course is and the order of its modules and items
    lessons/*.md           Markdown lessons
    media/*                images, notebooks to read and other files that lessons show
    source/<assignment>/   nbgrader source notebooks with their data files
    files/*, files.toml    files of the course's library (`file_folder`)
    videos/<slug>/         what belongs to a video (`video_folder`)

An nbgrader course folder without course.toml is a course too: one module with one quiz per assignment.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from config.settings import Settings
from grading import public as grading
from plugins.courses.course_file import (
    AnyItem,
    CourseFile,
    CourseFolderError,
    LessonItem,
    NotebookItem,
    QuizItem,
    check_course_file,
    read_course_file,
)
from plugins.courses.file_folder import SaidFile, read_files
from plugins.courses.files import Found, find_files
from plugins.courses.links import Place, find_link_problems, list_library_files
from plugins.courses.models import PartState
from plugins.courses.notebook_html import find_notebook_problem
from plugins.courses.quiz_rules import conditions_of, find_condition_problems
from plugins.courses.video_folder import SaidVideo, read_videos

MAX_LESSON_BYTES = 500_000
MAX_MEDIA_BYTES = 10_000_000
MAX_ALL_MEDIA_BYTES = 200_000_000
MAX_QUIZ_BYTES = 20_000_000
MAX_QUIZ_FILES = 400
MAX_MEDIA_PATH = 300


class CourseFolder:
    """A course folder whose course.toml has been read."""

    def __init__(self, path: Path, course: CourseFile) -> None:
        """Made by `read_course_folder`."""
        self.path = path
        self.course = course
        self.cleaned: dict[str, Path] = {}
        """Pictures that an import made anew, by path below `media/`: they are taken in the place of the folder's."""

    @property
    def items(self) -> Iterator[AnyItem]:
        """All items in reading order."""
        return (item for module in self.course.module for item in module.item)

    @property
    def lessons(self) -> list[LessonItem]:
        """The lessons in reading order."""
        return [item for item in self.items if isinstance(item, LessonItem)]

    @property
    def quizzes(self) -> list[QuizItem]:
        """The quizzes in reading order."""
        return [item for item in self.items if isinstance(item, QuizItem)]

    def read_lesson(self, lesson: LessonItem) -> str:
        """The Markdown of a lesson, its line ends as they are."""
        return (self.path / lesson.file).read_bytes().decode("utf-8-sig")

    def read_toml(self) -> str:
        """course.toml as it is; empty if there is none."""
        path = self.path / "course.toml"
        return path.read_bytes().decode("utf-8-sig") if path.is_file() else ""

    @cached_property
    def media(self) -> Found:
        """The files below `media/`."""
        return find_files(self.path, "media")

    @property
    def videos(self) -> dict[str, SaidVideo]:
        """What `videos/` says, by slug."""
        return self._read_videos[0]

    @property
    def files(self) -> dict[str, SaidFile]:
        """The files of the library that `files/` and files.toml have, by slug."""
        return self._read_files[0]

    @cached_property
    def _read_videos(self) -> tuple[dict[str, SaidVideo], list[str]]:
        return read_videos(self.path)

    @cached_property
    def _read_files(self) -> tuple[dict[str, SaidFile], list[str]]:
        return read_files(self.path)

    @property
    def upload_problems(self) -> list[str]:
        """What is wrong with files and videos."""
        return self._read_files[1] + self._read_videos[1]

    def source(self, quiz: QuizItem) -> Found:
        """The files of a quiz."""
        return find_files(self.path, f"source/{quiz.assignment}")

    def header(self) -> Path | None:
        """The notebook whose cells nbgrader puts above every quiz."""
        path = self.path / "source" / "header.ipynb"
        return path if path.is_file() else None

    def place(self, lesson: LessonItem) -> Place:
        """Where links of a lesson start from, and what they can lead to."""
        return Place.of(lesson.file, [(item.slug, _page_of(item)) for item in self.items])


def _page_of(item: AnyItem) -> str:
    """The file that links to the item name: a lesson's."""
    return item.file if isinstance(item, LessonItem) else ""


def read_course_folder(
    path: Path, *, max_quiz_bytes: int = MAX_QUIZ_BYTES, settings: Settings | None = None
) -> CourseFolder:
    """Read and check a course folder, the sources of its notebooks included.

    `max_quiz_bytes` is what learners can hand in; `settings` bound what quizzes are marked under. Raises:
    CourseFolderError with every problem found.
    """
    if not path.is_dir():
        said = "is a file; name the folder that it lies in" if path.exists() else "there is no such folder"
        raise CourseFolderError([f"{path}: {said}."])
    toml = path / "course.toml"
    if toml.is_file():
        course = read_course_file(toml)
    elif (path / "source").is_dir():
        course = _from_nbgrader(path)
    else:
        raise CourseFolderError([f"{path}: holds neither course.toml nor an nbgrader folder `source/<assignment>/`."])
    folder = CourseFolder(path, course)
    problems = _check(folder, max_quiz_bytes) + (_check_conditions(folder, settings) if settings else [])
    if problems:
        raise CourseFolderError(problems)
    return folder


def _from_nbgrader(path: Path) -> CourseFile:
    folders = (entry for entry in (path / "source").iterdir() if entry.is_dir() and entry.name[:1] != ".")
    names = sorted(entry.name for entry in folders if any(entry.glob("*.ipynb")))
    if not names:
        raise CourseFolderError([f"{path / 'source'}: has no folder with a notebook in it."])
    unfit = [name for name in names if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,78}", name)]
    if unfit:
        raise CourseFolderError(
            [f"source/{name}: rename the folder; letters, digits, ., _ and - only, at most 79." for name in unfit]
        )
    title, slug = path.resolve().name, _slug(path.resolve().name)
    if not slug:
        raise CourseFolderError([f"{title}: rename the folder with Latin letters or digits, or write a course.toml."])
    slugs: dict[str, str] = {}
    for name in names:
        wanted = _slug(name)[:74]
        slugs[name] = next(
            each for each in (wanted, *(f"{wanted}-{n}" for n in range(2, 999))) if each not in slugs.values()
        )
    due_at = grading.find_due_dates(path)
    items = [
        {"type": "quiz", "slug": slugs[name], "title": _title(name), "assignment": name, "due": due_at.get(name)}
        for name in names
    ]
    said: Mapping[str, object] = {
        "slug": slug,
        "title": _title(title),
        "module": [{"title": "Quizzes", "item": items}],
    }
    return check_course_file(said, str(path))


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:79].strip("-")


def _title(name: str) -> str:
    words = re.sub(r"[-_]+", " ", name).strip()
    return (words[:1].upper() + words[1:])[:200] or "Course"


def _check(folder: CourseFolder, max_quiz_bytes: int) -> list[str]:
    problems, seen, assignments = [], set(), set()
    for item in folder.items:
        if item.slug in seen:
            problems.append(f"course.toml: two items have the slug {item.slug}; give each its own.")
        seen.add(item.slug)
        if isinstance(item, LessonItem):
            problems += _check_lesson(folder, item)
        elif not isinstance(item, QuizItem):
            problems += _check_file(folder, item)
        elif item.assignment in assignments:
            problems.append(
                f"course.toml: quiz {item.slug}: the assignment {item.assignment} is used by another quiz already; "
                "give each quiz its own folder below source/."
            )
        else:
            assignments.add(item.assignment)
            problems += _check_quiz(folder, item, max_quiz_bytes)
    problems += _check_order(folder.course) + _check_header(folder) + _check_media(folder.media)
    return problems + folder.upload_problems


def _check_order(course: CourseFile) -> list[str]:
    """Slugs of modules, and prerequisites: each is there, and none waits for itself."""
    problems = []
    modules = [module.slug for module in course.module]
    for twice in sorted({slug for slug in modules if modules.count(slug) > 1}):
        problems.append(f"course.toml: two modules have the slug {twice}; give each its own.")
    items = {item.slug: item.after for module in course.module for item in module.item}
    for what, parts in (("module", {module.slug: module.after for module in course.module}), ("item", items)):
        for slug, after in parts.items():
            problems += [
                f"course.toml: {what} {slug}: after names {name}, which is no {what} of this course; correct the slug."
                for name in after
                if name not in parts
            ]
        circle = find_circle(parts)
        if circle:
            problems.append(
                f"course.toml: {what} {circle[0]} waits for itself ({' after '.join(circle)}); take one `after` out."
            )
    return problems


def find_circle(after: Mapping[str, list[str]]) -> list[str]:
    """Parts that wait for each other, the first one again at the end; empty if there are none."""
    left = dict(after)
    while ready := [slug for slug, names in left.items() if not any(name in left for name in names)]:
        for slug in ready:
            del left[slug]
    if not left:
        return []
    path = [next(iter(left))]  # everything that is left waits for something that is left
    while path[-1] not in path[:-1]:
        path.append(next(name for name in left[path[-1]] if name in left))
    return path[path.index(path[-1]) :]


def _check_file(folder: CourseFolder, item: AnyItem) -> list[str]:
    """What an item names below media/ is there; a notebook can be read."""
    file = getattr(item, "file", "")
    if not file:
        return []
    if file.removeprefix("media/") not in {name for name, _file in folder.media.files}:
        return [f"{file}: there is no such file; add it or correct the name ({item.type} {item.slug} in course.toml)."]
    if isinstance(item, NotebookItem):
        problem = find_notebook_problem((folder.path / file).read_bytes())
        return [f"{file}: {problem}"] if problem else []
    return []


def _check_lesson(folder: CourseFolder, lesson: LessonItem) -> list[str]:
    wrong = _check_path(folder.path, lesson.file)
    if wrong:
        return [f"{lesson.file}: {wrong} (lesson {lesson.slug} in course.toml)."]
    if (folder.path / lesson.file).stat().st_size > MAX_LESSON_BYTES:
        return [f"{lesson.file}: is larger than {MAX_LESSON_BYTES // 1000} kB; split it into several lessons."]
    try:
        text = folder.read_lesson(lesson)
    except UnicodeDecodeError:
        return [f"{lesson.file}: is not UTF-8 text; save it as UTF-8."]
    except OSError as error:
        return [f"{lesson.file}: cannot be read ({error.strerror}); change its permissions."]
    if "\0" in text:
        return [f"{lesson.file}: holds a NUL character; save it as plain text."]
    if lesson.state is PartState.DRAFT:
        return []  # nobody follows its links yet
    elsewhere = {f"file:{name}" for name in list_library_files(text)}  # the course may have them without the folder
    media = {name for name, _file in folder.media.files} | elsewhere
    return [f"{lesson.file}: {problem}" for problem in find_link_problems(text, folder.place(lesson), media)]


def _check_path(root: Path, file: str) -> str | None:
    """What is wrong with a path that course.toml names; it may not leave the folder, by links neither."""
    try:
        found = (root / file).resolve()
        inside = found.is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):
        return "cannot be followed; put the file itself there"
    if not inside:
        return "lies outside the course folder; put it into the folder"
    return None if found.is_file() else "there is no such file; write it or correct the name"


def _check_quiz(folder: CourseFolder, quiz: QuizItem, max_bytes: int) -> list[str]:
    found = folder.source(quiz)
    if not found.problems and not any("/" not in name and name.endswith(".ipynb") for name, _file in found.files):
        where = f"source/{quiz.assignment}"
        return [f"{where}: has no notebook; put at least one .ipynb file there (quiz {quiz.slug} in course.toml)."]
    return check_source(folder.path, quiz.assignment, max_bytes)


def _check_conditions(folder: CourseFolder, settings: Settings) -> list[str]:
    """Limits and environments of quizzes are allowed here, and can be had."""
    return [
        f"course.toml: quiz {quiz.slug}: {field}: {problem}"
        for quiz in folder.quizzes
        for field, problem in find_condition_problems(settings, conditions_of(quiz), folder.path, quiz.assignment)
    ]


def check_source(root: Path, assignment: str, max_bytes: int) -> list[str]:
    """What keeps `source/<assignment>` in a folder from being a quiz; `max_bytes` is what learners can hand in."""
    where, found = f"source/{assignment}", find_files(root, f"source/{assignment}")
    if found.problems:
        return found.problems
    if len(found.files) > MAX_QUIZ_FILES:
        return [f"{where}: has {len(found.files)} files; at most {MAX_QUIZ_FILES} fit a quiz. Pack them into one."]
    if found.size > max_bytes:
        return [
            f"{where}: its files have {found.size / 1e6:.1f} MB together; at most {max_bytes / 1e6:.0f} MB can be "
            f"handed in. The largest is {found.largest}: make it smaller."
        ]
    return [f"source/{problem}" for problem in grading.list_source_problems(root / where)]


def _check_header(folder: CourseFolder) -> list[str]:
    if not (folder.path / "source" / "header.ipynb").is_symlink():
        return []
    wrong = _check_path(folder.path, "source/header.ipynb")
    return [f"source/header.ipynb: {wrong}."] if wrong else []


def _check_media(media: Found) -> list[str]:
    problems = list(media.problems)
    for name, file in media.files:
        if file.stat().st_size > MAX_MEDIA_BYTES:
            problems.append(f"media/{name}: is larger than {MAX_MEDIA_BYTES // 1_000_000} MB; make it smaller.")
        if len(name) > MAX_MEDIA_PATH:
            problems.append(f"media/{name[:40]}…: its path is longer than {MAX_MEDIA_PATH} characters; shorten it.")
    if media.size > MAX_ALL_MEDIA_BYTES:
        problems.append(
            f"media: has {media.size / 1e6:.0f} MB together; at most {MAX_ALL_MEDIA_BYTES // 1_000_000} MB are taken. "
            f"The largest is {media.largest}: link to it elsewhere instead."
        )
    return problems

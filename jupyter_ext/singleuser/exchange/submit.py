"""`nbgrader submit`: hand work in and show the receipt."""

import uuid
from collections.abc import Iterable
from fnmatch import fnmatchcase

from nbgrader.exchange.abc import ExchangeSubmit as AbstractSubmit

from jupyter_ext.singleuser import contract
from jupyter_ext.singleuser.contract import Files
from jupyter_ext.singleuser.exchange.base import Exchange
from jupyter_ext.singleuser.fileset import FileSetError, read_folder


class ExchangeSubmit(Exchange, AbstractSubmit):
    """Submit one assignment. `receipt` is what the tool answered."""

    def init_src(self) -> None:
        """Read the folder as it is on disk, without what nbgrader's settings leave out."""
        self.require_self()
        self.src_path = self.folder(self.place())
        if not self.src_path.is_dir():
            self.refuse(f"Assignment not found at: {self.src_path}")
        try:
            self.files = self._without_ignored(read_folder(self.src_path))
        except FileSetError as error:
            self.refuse(str(error))

    def init_dest(self) -> None:
        """Compare the notebooks with the release; with `strict`, a missing one ends it."""
        released = {f"{name}.ipynb" for name in self.get_assignment().notebooks}
        submitted = {path for path in self.files if path.endswith(".ipynb")}
        missing, extra = sorted(released - submitted), sorted(submitted - released)
        if missing and self.strict:
            self.refuse(
                f"Assignment {self.coursedir.assignment_id} not submitted: these notebooks are missing: "
                f"{', '.join(missing)}. Fetch the assignment again to get them back."
            )
        if missing or extra:
            self.log.warning(
                "Possible missing notebooks and/or extra notebooks: missing %s; extra %s",
                ", ".join(missing) or "none",
                ", ".join(extra) or "none",
            )

    def copy_files(self) -> None:
        """Send the files. The receipt is in the log before "submitted" is."""
        place = self.place()
        request_id = str(uuid.uuid4())
        call = contract.submit(place.course, place.assignment, self.files, "assignment_list", request_id)
        self.receipt = self.ask_patiently(call)
        self.log.info(
            "Receipt %s: attempt %d, stored at %s",
            self.receipt.receipt,
            self.receipt.attempt,
            self.receipt.submitted_at,
        )
        submitted_at = self.shown_time(self.receipt.submitted_at)
        self.log.info("Submitted as: %s %s %s", place.course, place.assignment, submitted_at)

    def _without_ignored(self, files: Files) -> dict[str, bytes]:
        """Leave out what `CourseDirectory.ignore`, `include` and `max_file_size` (kilobytes) do."""
        kept = {}
        for path, content in files.items():
            parts, is_large = path.split("/"), len(content) > 1000 * self.coursedir.max_file_size
            if is_large:
                self.log.warning("Left out, larger than %d kB: %s", self.coursedir.max_file_size, path)
            is_ignored = any(_matches(part, self.coursedir.ignore) for part in parts)
            if not is_large and not is_ignored and _matches(parts[-1], self.coursedir.include):
                kept[path] = content
        return kept


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)

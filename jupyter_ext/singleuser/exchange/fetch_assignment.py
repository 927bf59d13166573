"""`nbgrader fetch_assignment`: the release, or the work that the course keeps of an earlier server."""

from nbgrader.exchange.abc import ExchangeFetchAssignment as AbstractFetchAssignment

from jupyter_ext.singleuser.contract import get_draft, get_release
from jupyter_ext.singleuser.exchange.base import Exchange
from jupyter_ext.singleuser.fileset import FileSetError, add_missing_files, snapshot_sha256, write_new_folder
from jupyter_ext.singleuser.folders import Note, write_note


class ExchangeFetchAssignment(Exchange, AbstractFetchAssignment):
    """Fetch one assignment into a new folder; with `replace_missing_files`, what an existing folder lacks."""

    def init_src(self) -> None:
        """Make sure that the assignment is there for the person."""
        self.assignment = self.get_assignment()

    def init_dest(self) -> None:
        """Refuse to touch a folder that exists, unless files that are missing were asked for."""
        self.dest_path = self.folder(self.place())
        if self.dest_path.is_dir() and not self.replace_missing_files:
            self.refuse(f"You already have a copy of the assignment in this directory: {self.dest_path}")

    def copy_files(self) -> None:
        """Write the files; what is there stays as it is."""
        place = self.place()
        release = self.ask(get_release(place.course, place.assignment))
        files, stored_at = release.files, ""
        if not self.dest_path.exists() and self.assignment.draft_saved_at:
            draft = self.ask(get_draft(place.course, place.assignment))
            files, stored_at = draft.files, draft.saved_at
            self.log.warning("Your work as saved to the course at %s is restored, not the empty release", stored_at)
        try:
            if write_new_folder(self.dest_path, files):
                note = Note(place.course, place.assignment, release.sha256, snapshot_sha256(files), stored_at)
                write_note(self.dest_path, note)
            else:
                for path in add_missing_files(self.dest_path, files):
                    self.log.warning("Replaced missing file '%s'", path)
        except FileSetError as error:
            self.refuse(str(error))
        self.log.info("Fetched as: %s %s", place.course, place.assignment)

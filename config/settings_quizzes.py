"""Settings of what teachers may choose for a quiz."""

from pathlib import Path

from pydantic import Field, field_validator

from config.section import Section


class QuizSettings(Section):
    """What teachers may choose for a quiz: time, memory, kernels, packages. Else what `grading` says holds."""

    max_time_s: int = Field(
        600, ge=5, description="Longest time that a teacher may give a notebook of a quiz, in seconds."
    )
    max_memory_mb: int = Field(2048, ge=128, description="Most memory that a teacher may give a quiz, in MiB.")
    kernels: list[str] = Field(
        [],
        description="Jupyter kernels besides Python that quizzes may be marked with, by the names that "
        "`jupyter kernelspec list` shows.",
    )
    kernel_folders: list[Path] = Field(
        [],
        description="Folders that these kernels need in the sandbox, besides `/usr`, Python and their own. "
        "R of Debian needs `/etc/R`.",
    )
    packages_from: str = Field(
        "",
        description="Where the packages of quizzes with a requirements file come from: an index "
        "(`https://pypi.org/simple`) or a folder of wheels. Empty: nowhere, no quiz can have one.",
    )
    build_s: int = Field(600, ge=10, description="Longest time that installing a quiz's packages may take, in seconds.")
    build_mb: int = Field(2000, ge=50, description="Most disk that a quiz's packages may take, in MiB.")
    warm_kept: int = Field(
        2, ge=1, description="Warm processes that a marking worker keeps at rest, each of one environment."
    )
    warm_mb: int = Field(
        600, ge=100, description="Memory that they may take together, in MiB. The last one used is kept in any case."
    )

    versions_kept: int = Field(
        30,
        ge=1,
        description="Versions of a quiz's notebooks that teachers can compare and go back to, the newest first.",
    )

    @field_validator("packages_from")
    @classmethod
    def _index_or_folder(cls, source: str) -> str:
        if source and not source.startswith(("https://", "http://", "/")):
            raise ValueError("It is an address that begins with https://, or the absolute path of a folder")
        return source

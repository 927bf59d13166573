"""Settings of courses."""

from pydantic import Field

from config.section import Section


class CoursesSettings(Section):
    """Courses and who takes them."""

    how_to_pay: str = Field(
        "",
        max_length=2000,
        description="What learners read who must pay for a course, where no payment plugin takes the money: an "
        "account, say. They also see the reference that their payment has to name.",
    )
    page_size: int = Field(50, ge=10, le=500, description="People shown on one page.")

"""lesson files"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    with op.batch_alter_table("courses_item", schema=None) as batch_op:
        batch_op.add_column(sa.Column("file", sa.String(length=200), server_default="", nullable=False))


def downgrade() -> None:
    """Back to the one before."""
    with op.batch_alter_table("courses_item", schema=None) as batch_op:
        batch_op.drop_column("file")

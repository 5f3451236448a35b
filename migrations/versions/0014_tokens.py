"""Tokens by which somebody may read over the network; the API's role looks them up and notes their use, no more."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TOKENS = """
CREATE TYPE token_role AS ENUM ('reader', 'maintainer');

CREATE TABLE token (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  name VARCHAR NOT NULL,
  secret_sha256 VARCHAR NOT NULL,
  role token_role NOT NULL,
  collections TEXT[],
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  revoked_at TIMESTAMP WITH TIME ZONE,
  last_used_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_token PRIMARY KEY (id),
  CONSTRAINT uq_token_name UNIQUE (name),
  CONSTRAINT uq_token_secret_sha256 UNIQUE (secret_sha256),
  CONSTRAINT ck_token_secret_sha256_is_sha256 CHECK (secret_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT ck_token_name_is_short CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$'),
  CONSTRAINT ck_token_collections_not_empty CHECK (cardinality(collections) > 0),
  CONSTRAINT ck_token_expires_later CHECK (expires_at > created_at)
);
COMMENT ON TABLE token IS 'A secret by which somebody may come, known by its digest alone.';
COMMENT ON COLUMN token.id IS 'Key, made by the database.';
COMMENT ON COLUMN token.name IS 'Whose it is; logs show it.';
COMMENT ON COLUMN token.role IS 'What it allows.';
COMMENT ON COLUMN token.collections IS 'Names of the collections that it may read; null is all of them.';
COMMENT ON COLUMN token.last_used_at IS 'Within a minute.';

GRANT SELECT (id, name, secret_sha256, role, collections, expires_at, revoked_at, last_used_at), UPDATE (last_used_at)
  ON token TO groundct_api;
"""


def upgrade() -> None:
    op.execute(TOKENS)


def downgrade() -> None:
    op.execute("DROP TABLE token")
    op.execute("DROP TYPE token_role")

// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * Numbered migrations: entry i takes the schema from version i to i + 1. Never edit one that was released; append.
 * Columns named `sealed` hold free-form bytes under the column cipher; all others are identifiers and states.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE signed_actions (
    job TEXT NOT NULL CHECK (length(job) = 66),
    stage INTEGER NOT NULL CHECK (stage BETWEEN 0 AND 65535),
    round INTEGER NOT NULL CHECK (round BETWEEN 0 AND 255),
    kind TEXT NOT NULL,
    digest TEXT NOT NULL CHECK (length(digest) = 66),
    PRIMARY KEY (job, stage, round, kind)
  ) STRICT, WITHOUT ROWID;
  -- What was signed cannot be unsigned: not even a bug above may change or drop a row.
  CREATE TRIGGER signed_actions_fixed BEFORE UPDATE ON signed_actions BEGIN SELECT RAISE(ABORT, 'signed_actions is append-only'); END;
  CREATE TRIGGER signed_actions_kept BEFORE DELETE ON signed_actions BEGIN SELECT RAISE(ABORT, 'signed_actions is append-only'); END;

  CREATE TABLE jobs (
    job TEXT NOT NULL,
    role TEXT NOT NULL,
    stage INTEGER NOT NULL,
    round INTEGER NOT NULL,
    state TEXT NOT NULL,
    done INTEGER NOT NULL CHECK (done IN (0, 1)),
    deadline_ms INTEGER,
    touched_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (job, role, stage, round)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX jobs_open ON jobs (deadline_ms) WHERE done = 0;

  CREATE TABLE messages (
    job TEXT NOT NULL,
    role TEXT NOT NULL,
    stage INTEGER NOT NULL,
    round INTEGER NOT NULL,
    kind TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (job, role, stage, round, kind)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE transactions (
    account TEXT NOT NULL CHECK (length(account) = 42),
    nonce INTEGER NOT NULL,
    hash TEXT NOT NULL CHECK (length(hash) = 66),
    purpose TEXT NOT NULL,
    job TEXT,
    status TEXT NOT NULL,
    touched_ms INTEGER NOT NULL,
    PRIMARY KEY (account, nonce, hash)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX transactions_job ON transactions (job);

  CREATE TABLE cursors (
    number INTEGER PRIMARY KEY,
    hash TEXT NOT NULL CHECK (length(hash) = 66),
    chain TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- What left about each subject, noised: split.md section 5. Losses are decimal texts, for they exceed a float's integers.
  CREATE TABLE releases (
    release TEXT PRIMARY KEY CHECK (length(release) = 66),
    subject TEXT NOT NULL CHECK (length(subject) = 66),
    rho TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX releases_subject ON releases (subject);
  CREATE TRIGGER releases_fixed BEFORE UPDATE ON releases BEGIN SELECT RAISE(ABORT, 'releases is append-only'); END;
  CREATE TRIGGER releases_kept BEFORE DELETE ON releases BEGIN SELECT RAISE(ABORT, 'releases is append-only'); END;
  `,
  `
  -- What a model's owner told about private weights: she.md section 9. Seeds by their hash.
  CREATE TABLE linear_checks (
    client TEXT NOT NULL CHECK (length(client) = 42),
    model TEXT NOT NULL CHECK (length(model) = 66),
    stage INTEGER NOT NULL CHECK (stage BETWEEN 0 AND 65535),
    op INTEGER NOT NULL CHECK (op BETWEEN 0 AND 65535),
    seed TEXT NOT NULL CHECK (length(seed) = 66),
    PRIMARY KEY (client, model, stage, op, seed)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER linear_checks_fixed BEFORE UPDATE ON linear_checks BEGIN SELECT RAISE(ABORT, 'linear_checks is append-only'); END;
  CREATE TRIGGER linear_checks_kept BEFORE DELETE ON linear_checks BEGIN SELECT RAISE(ABORT, 'linear_checks is append-only'); END;
  `,
];

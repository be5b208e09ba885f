/**
 * The tables of the ledger, each with what its own rows must fulfil.
 * @module
 */

/** Amounts are minor units below 2^64; ids are 32 bytes. */
export const tables = `
CREATE DOMAIN amount AS numeric(20, 0)
  CHECK (VALUE >= 0 AND VALUE <= 18446744073709551615);
CREATE DOMAIN digest AS bytea CHECK (length(VALUE) = 32);
CREATE DOMAIN signature AS bytea CHECK (length(VALUE) = 64);
CREATE DOMAIN reference AS text
  CHECK (length(VALUE) <= 128 AND VALUE ~ '^[A-Za-z0-9][A-Za-z0-9._:/#-]*$');

-- The id from which the ledger's domain is derived; made once.
CREATE TABLE identity (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  ledger_id digest NOT NULL
);

CREATE TABLE allocations (
  id digest PRIMARY KEY,
  fleet text NOT NULL,
  gateway text NOT NULL,
  payee bytea NOT NULL CHECK (length(payee) = 20),
  asset_code text NOT NULL,
  asset_scale smallint NOT NULL CHECK (asset_scale BETWEEN 0 AND 9),
  fee_basis_points integer NOT NULL CHECK (fee_basis_points BETWEEN 0 AND 10000),
  signer_key bytea NOT NULL,
  owner_key bytea,
  gateway_key bytea,
  notice_seconds bigint NOT NULL CHECK (notice_seconds >= 8 * 86400),
  opened_at bigint NOT NULL,
  set_aside amount NOT NULL DEFAULT 0,
  paid amount NOT NULL DEFAULT 0,
  evidence_paid amount NOT NULL DEFAULT 0,
  fee amount NOT NULL DEFAULT 0,
  statement_sequence amount NOT NULL DEFAULT 0,
  -- The statement in force: its root, its own digest and how many positions it covers.
  statement_root digest,
  statement_digest digest,
  statement_positions bigint,
  -- Raised by every change, so that a follower sees what it has missed.
  revision bigint NOT NULL DEFAULT 0,
  UNIQUE (fleet, gateway, payee, asset_code, asset_scale),
  CHECK (paid <= set_aside),
  CHECK (evidence_paid <= paid),
  CHECK (fee = floor(paid * fee_basis_points / 10000)),
  CHECK ((statement_sequence = 0) = (statement_root IS NULL)),
  CHECK ((statement_root IS NULL) = (statement_digest IS NULL)),
  CHECK ((statement_root IS NULL) = (statement_positions IS NULL))
);

CREATE TABLE accounts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL CHECK (name ~ '^(external|(fleet|allocation|payee|fee):.+)$'),
  asset text NOT NULL,
  balance numeric(21, 0) NOT NULL DEFAULT 0,
  UNIQUE (name, asset),
  CONSTRAINT not_below_zero CHECK (name = 'external' OR balance >= 0),
  CONSTRAINT within_range CHECK (abs(balance) <= 18446744073709551615)
);

CREATE SEQUENCE transaction_numbers AS bigint;
CREATE TABLE transactions (
  number bigint PRIMARY KEY DEFAULT nextval('transaction_numbers'),
  at_seconds bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN
    ('deposit', 'set_aside', 'claim', 'statement', 'fee', 'withdrawal', 'pay_out')),
  asset text NOT NULL,
  reference reference NOT NULL,
  allocation digest REFERENCES allocations,
  channel_id digest,
  CHECK ((kind = 'claim') = (channel_id IS NOT NULL))
);
CREATE INDEX transactions_of_allocation ON transactions (allocation, number);

-- Signed: what an account gains is positive, what it loses negative.
CREATE TABLE entries (
  transaction bigint NOT NULL REFERENCES transactions,
  account bigint NOT NULL REFERENCES accounts,
  amount numeric(21, 0) NOT NULL CHECK (amount <> 0),
  PRIMARY KEY (transaction, account)
);
CREATE INDEX entries_of_account ON entries (account, transaction);

-- One row a position, so that a position never has two channels.
CREATE TABLE channels (
  allocation digest NOT NULL REFERENCES allocations,
  position integer NOT NULL CHECK (position >= 0 AND position < 1048576),
  channel_id digest NOT NULL UNIQUE,
  -- The highest amount proved and honoured, and how much of it was paid by evidence.
  paid amount NOT NULL,
  paid_by_evidence amount NOT NULL,
  epoch bigint NOT NULL,
  index integer NOT NULL,
  word digest NOT NULL,
  -- The whole claim, so that anyone can check again what was paid for.
  evidence bytea NOT NULL,
  paid_at bigint NOT NULL,
  PRIMARY KEY (allocation, position),
  CHECK (paid_by_evidence <= paid)
);

CREATE TABLE statements (
  allocation digest NOT NULL REFERENCES allocations,
  sequence amount NOT NULL CHECK (sequence > 0),
  total amount NOT NULL,
  evidence_paid amount NOT NULL,
  positions bigint NOT NULL,
  root digest NOT NULL,
  digest digest NOT NULL,
  issued_at amount NOT NULL,
  expiry amount NOT NULL,
  gateway_signature signature NOT NULL,
  fleet_signature signature NOT NULL,
  paid amount NOT NULL,
  at_seconds bigint NOT NULL,
  PRIMARY KEY (allocation, sequence)
);

-- Results by the key of their submission; each login has keys of its own.
CREATE TABLE submissions (
  login text NOT NULL,
  key reference NOT NULL,
  number bigint GENERATED ALWAYS AS IDENTITY,
  fingerprint digest NOT NULL,
  results bytea NOT NULL,
  PRIMARY KEY (login, key)
);
CREATE INDEX submissions_by_age ON submissions (login, number);

CREATE TABLE withdrawals (
  allocation digest NOT NULL REFERENCES allocations,
  reference reference NOT NULL,
  amount amount NOT NULL CHECK (amount > 0),
  requested_at bigint NOT NULL,
  available_at bigint NOT NULL,
  completed_at bigint,
  returned amount,
  PRIMARY KEY (allocation, reference),
  CHECK ((completed_at IS NULL) = (returned IS NULL)),
  CHECK (completed_at IS NULL OR completed_at >= available_at),
  CHECK (returned IS NULL OR returned <= amount)
);

-- What an operator's reference was used for: the same again changes nothing.
CREATE TABLE operator_references (
  reference reference PRIMARY KEY,
  use text NOT NULL
);

CREATE TABLE changes (
  allocation digest NOT NULL REFERENCES allocations,
  revision bigint NOT NULL,
  kind text NOT NULL,
  PRIMARY KEY (allocation, revision)
);

-- Which gateways a login acts for; a login without a row here acts for all.
CREATE TABLE gateway_logins (
  login text NOT NULL,
  gateway text NOT NULL,
  PRIMARY KEY (login, gateway)
);

CREATE VIEW transfers AS
  SELECT t.number, t.at_seconds, t.kind, d.name AS debit, c.name AS credit, t.asset,
         plus.amount, t.reference, t.allocation, t.channel_id
  FROM transactions t
  JOIN entries minus ON minus.transaction = t.number AND minus.amount < 0
  JOIN entries plus ON plus.transaction = t.number AND plus.amount > 0
  JOIN accounts d ON d.id = minus.account
  JOIN accounts c ON c.id = plus.account;
`

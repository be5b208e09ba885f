/**
 * Triggers that hold whoever writes: nothing is edited or deleted, every transaction comes to 0,
 * balances follow entries, what was paid only rises.
 * @module
 */

export const guards = `
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is not allowed: books are only added to', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;

DO $$
DECLARE
  one record;
BEGIN
  FOR one IN
    SELECT name, 'UPDATE OR DELETE' AS operations FROM unnest(ARRAY['identity', 'transactions',
      'entries', 'statements', 'operator_references', 'changes']) AS name
    UNION ALL
    SELECT name, 'DELETE' FROM unnest(ARRAY['allocations', 'accounts', 'channels',
      'withdrawals']) AS name
  LOOP
    EXECUTE format('CREATE TRIGGER no_edit BEFORE %s ON %I FOR EACH ROW'
      ' EXECUTE FUNCTION refuse_change()', one.operations, one.name);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I'
      ' EXECUTE FUNCTION refuse_change()', one.name);
  END LOOP;
END $$;

-- Balances change with entries and in no other way; accounts are locked in one order.
CREATE FUNCTION apply_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM accounts WHERE id IN (SELECT account FROM added) ORDER BY id FOR UPDATE;
  UPDATE accounts SET balance = balance + d.amount
    FROM (SELECT account, sum(amount) AS amount FROM added GROUP BY account) d
    WHERE accounts.id = d.account AND d.amount <> 0;
  RETURN NULL;
END $$;
CREATE TRIGGER apply_entries AFTER INSERT ON entries REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION apply_entries();

CREATE FUNCTION guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.balance <> 0 THEN
      RAISE EXCEPTION 'account % must begin at 0', NEW.name USING ERRCODE = 'restrict_violation';
    END IF;
  ELSIF pg_trigger_depth() < 2 OR (NEW.id, NEW.name, NEW.asset) <> (OLD.id, OLD.name, OLD.asset)
      THEN
    RAISE EXCEPTION 'the balance of % changes with entries only', OLD.name
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON accounts
  FOR EACH ROW EXECUTE FUNCTION guard_account();

CREATE FUNCTION check_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  checked bigint;
  total numeric;
  lines integer;
  foreign_lines integer;
BEGIN
  IF TG_TABLE_NAME = 'entries' THEN checked := NEW.transaction; ELSE checked := NEW.number; END IF;
  SELECT coalesce(sum(e.amount), 0), count(*), count(*) FILTER (WHERE a.asset <> t.asset)
    INTO total, lines, foreign_lines
    FROM entries e JOIN accounts a ON a.id = e.account
        JOIN transactions t ON t.number = e.transaction
    WHERE e.transaction = checked;
  IF total <> 0 OR lines <> 2 OR foreign_lines > 0 THEN
    RAISE EXCEPTION 'transaction % has % entries that come to % (% of another asset)',
      checked, lines, total, foreign_lines USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER comes_to_zero AFTER INSERT ON transactions
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_transaction();
CREATE CONSTRAINT TRIGGER comes_to_zero AFTER INSERT ON entries
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_transaction();

CREATE FUNCTION guard_allocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.id, NEW.fleet, NEW.gateway, NEW.payee, NEW.asset_code, NEW.asset_scale,
      NEW.fee_basis_points, NEW.notice_seconds, NEW.opened_at)
     IS DISTINCT FROM
     (OLD.id, OLD.fleet, OLD.gateway, OLD.payee, OLD.asset_code, OLD.asset_scale,
      OLD.fee_basis_points, OLD.notice_seconds, OLD.opened_at) THEN
    RAISE EXCEPTION 'the terms of an allocation do not change' USING ERRCODE = 'restrict_violation';
  END IF;
  IF (NEW.signer_key, NEW.owner_key) IS DISTINCT FROM (OLD.signer_key, OLD.owner_key)
     OR (OLD.gateway_key IS NOT NULL AND NEW.gateway_key IS DISTINCT FROM OLD.gateway_key) THEN
    RAISE EXCEPTION 'the keys of an allocation do not change' USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.paid < OLD.paid OR NEW.evidence_paid < OLD.evidence_paid OR NEW.fee < OLD.fee THEN
    RAISE EXCEPTION 'what was paid is not taken back' USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.evidence_paid - OLD.evidence_paid > NEW.paid - OLD.paid THEN
    RAISE EXCEPTION 'evidence pays through the total' USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.statement_sequence < OLD.statement_sequence
     OR ((NEW.statement_root, NEW.statement_digest) IS DISTINCT FROM
             (OLD.statement_root, OLD.statement_digest)
         AND NEW.statement_sequence = OLD.statement_sequence) THEN
    RAISE EXCEPTION 'the sequence of statements rises' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON allocations
  FOR EACH ROW EXECUTE FUNCTION guard_allocation();

-- set aside less paid is what the account holds: so paid is the sum of the payments.
CREATE FUNCTION check_allocation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  a allocations;
  held numeric;
BEGIN
  IF TG_TABLE_NAME = 'accounts' THEN
    IF NEW.name NOT LIKE 'allocation:%' THEN RETURN NULL; END IF;
    SELECT * INTO a FROM allocations WHERE id = decode(substr(NEW.name, 12), 'hex');
  ELSE
    SELECT * INTO a FROM allocations WHERE id = NEW.id;
  END IF;
  SELECT coalesce(sum(balance), 0) INTO held FROM accounts
    WHERE name = 'allocation:' || encode(a.id, 'hex')
        AND asset = a.asset_code || '/' || a.asset_scale;
  IF a.id IS NULL OR held <> a.set_aside - a.paid THEN
    RAISE EXCEPTION 'allocation % holds % but % was set aside and % paid',
      encode(a.id, 'hex'), held, a.set_aside, a.paid USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER holds_the_rest AFTER INSERT OR UPDATE ON allocations
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_allocation();
CREATE CONSTRAINT TRIGGER holds_the_rest AFTER INSERT OR UPDATE ON accounts
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_allocation();

CREATE FUNCTION guard_channel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.allocation, NEW.position, NEW.channel_id) <> (OLD.allocation, OLD.position,
      OLD.channel_id) THEN
    RAISE EXCEPTION 'position % belongs to another channel', OLD.position
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.paid <= OLD.paid
     OR NEW.paid_by_evidence < OLD.paid_by_evidence
     OR NEW.paid_by_evidence - OLD.paid_by_evidence > NEW.paid - OLD.paid THEN
    RAISE EXCEPTION 'channel % was paid % already: no unit is paid twice',
      encode(OLD.channel_id, 'hex'), OLD.paid USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON channels FOR EACH ROW EXECUTE FUNCTION guard_channel();

CREATE FUNCTION guard_statement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  a allocations;
BEGIN
  SELECT * INTO a FROM allocations WHERE id = NEW.allocation FOR UPDATE;
  IF NEW.sequence <= a.statement_sequence THEN
    RAISE EXCEPTION 'statement % comes after %', NEW.sequence, a.statement_sequence
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.evidence_paid <> a.evidence_paid OR NEW.total > a.set_aside
     OR NEW.paid <> greatest(0, NEW.total - a.paid) THEN
    RAISE EXCEPTION 'statement % does not fit what was paid', NEW.sequence
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE INSERT ON statements FOR EACH ROW EXECUTE FUNCTION guard_statement();

CREATE FUNCTION guard_withdrawal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.available_at < NEW.requested_at
       + (SELECT notice_seconds FROM allocations WHERE id = NEW.allocation) THEN
      RAISE EXCEPTION 'a withdrawal waits for its notice' USING ERRCODE = 'restrict_violation';
    END IF;
  ELSIF OLD.completed_at IS NOT NULL
     OR (NEW.allocation, NEW.reference, NEW.amount, NEW.requested_at, NEW.available_at)
     <> (OLD.allocation, OLD.reference, OLD.amount, OLD.requested_at, OLD.available_at) THEN
    RAISE EXCEPTION 'a withdrawal is completed once' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON withdrawals
  FOR EACH ROW EXECUTE FUNCTION guard_withdrawal();
`

/**
 * What the operator of the ledger may do: book deposits, withdrawals and what was paid out. Every
 * function answers true when it was done now, and false when the same reference had done it before.
 * @module
 */

export const desk = `
CREATE FUNCTION once(p_reference text, p_use text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  used text;
BEGIN
  INSERT INTO operator_references (reference, use)
      VALUES (p_reference, p_use) ON CONFLICT DO NOTHING;
  IF FOUND THEN RETURN true; END IF;
  SELECT use INTO used FROM operator_references WHERE reference = p_reference;
  IF used = p_use THEN RETURN false; END IF;
  RAISE EXCEPTION 'reference "%" was used before (%)', p_reference, used
      USING ERRCODE = 'unique_violation';
END $$;

CREATE FUNCTION raise_allocation(p_id bytea, p_amount numeric, p_reference text, is_deposit boolean)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  a allocations;
  fleet text;
BEGIN
  SELECT * INTO STRICT a FROM allocations WHERE id = p_id FOR UPDATE;
  fleet := 'fleet:' || a.fleet;
  IF is_deposit THEN
    PERFORM move(ARRAY['deposit'], ARRAY['external'], ARRAY[fleet], ARRAY[asset_of(a)],
        ARRAY[p_amount],
      ARRAY[p_reference], ARRAY[p_id], ARRAY[NULL::bytea]);
  END IF;
  PERFORM move(ARRAY['set_aside'], ARRAY[fleet], ARRAY[allocation_account(p_id)],
      ARRAY[asset_of(a)],
    ARRAY[p_amount], ARRAY[p_reference], ARRAY[p_id], ARRAY[NULL::bytea]);
  UPDATE allocations SET set_aside = set_aside + p_amount WHERE id = p_id;
  PERFORM note_change(p_id, 'funded');
END $$;

CREATE FUNCTION fund(p_id bytea, p_amount numeric, p_reference text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NOT once(p_reference, format('fund %s %s', encode(p_id, 'hex'), p_amount))
      THEN RETURN false; END IF;
  PERFORM raise_allocation(p_id, p_amount, p_reference, true);
  RETURN true;
END $$;

CREATE FUNCTION set_aside(p_id bytea, p_amount numeric, p_reference text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NOT once(p_reference, format('set aside %s %s', encode(p_id, 'hex'), p_amount))
      THEN RETURN false; END IF;
  PERFORM raise_allocation(p_id, p_amount, p_reference, false);
  RETURN true;
END $$;

CREATE FUNCTION pay_out(p_account text, p_asset text, p_amount numeric, p_reference text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF p_account !~ '^(fleet|payee|fee):' THEN
    RAISE EXCEPTION '% cannot be paid out', p_account USING ERRCODE = 'restrict_violation';
  END IF;
  IF NOT once(p_reference, format('pay out %s %s %s', p_account, p_asset, p_amount))
      THEN RETURN false; END IF;
  PERFORM move(ARRAY['pay_out'], ARRAY[p_account], ARRAY['external'], ARRAY[p_asset],
      ARRAY[p_amount],
    ARRAY[p_reference], ARRAY[NULL::bytea], ARRAY[NULL::bytea]);
  RETURN true;
END $$;

CREATE FUNCTION request_withdrawal(p_id bytea, p_amount numeric, p_reference text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  a allocations;
  waiting numeric;
  requests integer;
  moment bigint := now_seconds();
BEGIN
  IF NOT once(p_reference, format('withdraw %s %s', encode(p_id, 'hex'), p_amount))
      THEN RETURN false; END IF;
  SELECT * INTO STRICT a FROM allocations WHERE id = p_id FOR UPDATE;
  SELECT coalesce(sum(amount), 0), count(*) INTO waiting, requests FROM withdrawals
    WHERE allocation = p_id AND completed_at IS NULL;
  IF p_amount > a.set_aside - a.paid - waiting OR requests >= 16 THEN
    RAISE EXCEPTION '% is more than the allocation has available', p_amount
      USING ERRCODE = 'restrict_violation';
  END IF;
  INSERT INTO withdrawals (allocation, reference, amount, requested_at, available_at)
    VALUES (p_id, p_reference, p_amount, moment, moment + a.notice_seconds);
  PERFORM note_change(p_id, 'withdrawal_requested');
  RETURN true;
END $$;

-- What was asked for, or what claims have left of it; answers how much it came to.
CREATE FUNCTION complete_withdrawal(p_id bytea, p_reference text)
RETURNS numeric LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  a allocations;
  w withdrawals;
  given numeric;
BEGIN
  SELECT * INTO STRICT a FROM allocations WHERE id = p_id FOR UPDATE;
  SELECT * INTO STRICT w
      FROM withdrawals WHERE allocation = p_id AND reference = p_reference AND completed_at IS NULL;
  IF now_seconds() < w.available_at THEN
    RAISE EXCEPTION 'withdrawal "%" is in its notice', p_reference
        USING ERRCODE = 'restrict_violation';
  END IF;
  given := least(w.amount, a.set_aside - a.paid);
  UPDATE withdrawals SET completed_at = now_seconds(), returned = given
    WHERE allocation = p_id AND reference = p_reference;
  UPDATE allocations SET set_aside = set_aside - given WHERE id = p_id;
  IF given > 0 THEN
    PERFORM move(ARRAY['withdrawal'], ARRAY[allocation_account(p_id)], ARRAY['fleet:' || a.fleet],
      ARRAY[asset_of(a)], ARRAY[given], ARRAY[p_reference], ARRAY[p_id], ARRAY[NULL::bytea]);
  END IF;
  PERFORM note_change(p_id, 'withdrawn');
  RETURN given;
END $$;
`

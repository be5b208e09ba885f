/**
 * What a gateway may do: open an allocation, lock it, have claims and statements paid. Who is paid
 * is read from the allocation, never taken from the caller.
 * @module
 */

export const payments = `
CREATE FUNCTION now_seconds() RETURNS bigint LANGUAGE sql VOLATILE
  RETURN floor(extract(epoch FROM clock_timestamp()))::bigint;

CREATE FUNCTION asset_of(a allocations) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN a.asset_code || '/' || a.asset_scale;
CREATE FUNCTION allocation_account(id bytea) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN 'allocation:' || encode(id, 'hex');
CREATE FUNCTION payee_account(payee bytea) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN 'payee:0x' || encode(payee, 'hex');

-- Moves money: one transaction with two entries for each place of the arrays.
CREATE FUNCTION move(kinds text[], debits text[], credits text[], assets text[], amounts numeric[],
                     refs text[], allocation_ids bytea[], channel_ids bytea[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  numbers bigint[] := ARRAY(SELECT nextval('transaction_numbers')
      FROM generate_series(1, cardinality(kinds)));
  moment bigint := now_seconds();
BEGIN
  INSERT INTO accounts (name, asset)
    SELECT DISTINCT name, asset
      FROM (SELECT * FROM unnest(debits, assets) UNION SELECT *
          FROM unnest(credits, assets)) AS u (name, asset)
      ORDER BY name, asset
    ON CONFLICT DO NOTHING;
  INSERT INTO transactions (number, at_seconds, kind, asset, reference, allocation, channel_id)
    SELECT u.number, moment, u.kind, u.asset, u.ref, u.allocation, u.channel
      FROM unnest(numbers, kinds, assets, refs, allocation_ids, channel_ids)
        AS u (number, kind, asset, ref, allocation, channel);
  INSERT INTO entries (transaction, account, amount)
    SELECT u.number, a.id, u.amount
      FROM (SELECT number, name, asset, -amount AS amount
              FROM unnest(numbers, debits, assets, amounts) AS d (number, name, asset, amount)
            UNION ALL
            SELECT * FROM unnest(numbers, credits, assets, amounts)) AS u (number, name, asset,
                amount)
      JOIN accounts a ON a.name = u.name AND a.asset = u.asset;
END $$;

CREATE FUNCTION note_change(id bytea, what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  next bigint;
BEGIN
  UPDATE allocations SET revision = revision + 1 WHERE allocations.id = note_change.id
    RETURNING revision INTO next;
  INSERT INTO changes (allocation, revision, kind) VALUES (id, next, what);
  PERFORM pg_notify('tickpay_ledger', encode(id, 'hex'));
END $$;

CREATE FUNCTION require_gateway(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM gateway_logins WHERE login = session_user)
     AND NOT EXISTS (SELECT FROM gateway_logins WHERE login = session_user AND gateway = name) THEN
    RAISE EXCEPTION 'login % does not act for gateway %', session_user, name
      USING ERRCODE = 'insufficient_privilege';
  END IF;
END $$;

CREATE FUNCTION open_allocation(p_id bytea, p_fleet text, p_gateway text, p_payee bytea,
  p_asset_code text, p_asset_scale integer, p_fee_basis_points integer, p_signer_key bytea,
  p_owner_key bytea, p_gateway_key bytea, p_notice_seconds bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM require_gateway(p_gateway);
  INSERT INTO allocations (id, fleet, gateway, payee, asset_code, asset_scale, fee_basis_points,
      signer_key, owner_key, gateway_key, notice_seconds, opened_at)
    VALUES (p_id, p_fleet, p_gateway, p_payee, p_asset_code, p_asset_scale, p_fee_basis_points,
      p_signer_key, p_owner_key, p_gateway_key, p_notice_seconds, now_seconds())
    ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    UPDATE allocations SET gateway_key = p_gateway_key WHERE id = p_id AND gateway = p_gateway
      AND gateway_key IS NULL AND p_gateway_key IS NOT NULL;
    IF NOT FOUND THEN RETURN false; END IF;
  END IF;
  PERFORM note_change(p_id, 'opened');
  RETURN true;
END $$;

-- In one order, so that two submissions never wait for each other.
CREATE FUNCTION lock_allocations(ids bytea[]) RETURNS SETOF allocations
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
  SELECT * FROM allocations WHERE id = ANY (ids) ORDER BY id FOR UPDATE
$$;

CREATE FUNCTION remember(p_key text, p_fingerprint bytea, p_results bytea, p_kept integer)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO submissions (login, key, fingerprint, results)
    VALUES (session_user, p_key, p_fingerprint, p_results)
    ON CONFLICT (login, key) DO UPDATE
      SET fingerprint = excluded.fingerprint, results = excluded.results;
  DELETE FROM submissions WHERE login = session_user AND number <=
    (SELECT number FROM submissions WHERE login = session_user
       ORDER BY number DESC OFFSET greatest(p_kept, 64) LIMIT 1);
END $$;

-- Payments, one for each claim that adds to its channel, and the channels as they are afterwards.
CREATE FUNCTION pay_claims(p_key text, pay_allocations bytea[], pay_channels bytea[], pay_amounts
    numeric[],
  c_allocations bytea[], c_positions integer[], c_channels bytea[], c_paid numeric[],
  c_epochs bigint[], c_indexes integer[], c_words bytea[], c_evidence bytea[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  moment bigint := now_seconds();
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT channel, sum(amount) AS amount
        FROM unnest(pay_channels, pay_amounts) AS p (channel, amount)
                   GROUP BY channel) p
    FULL JOIN unnest(c_channels) AS c (channel) ON c.channel = p.channel
    WHERE p.channel IS NULL OR c.channel IS NULL OR p.amount <= 0) THEN
    RAISE EXCEPTION 'payments and channels do not belong together'
        USING ERRCODE = 'restrict_violation';
  END IF;
  PERFORM lock_allocations(pay_allocations);
  INSERT INTO channels AS c (allocation, position, channel_id, paid, paid_by_evidence, epoch, index,
      word, evidence, paid_at)
    SELECT u.allocation, u.position, u.channel, u.paid, p.amount, u.epoch, u.index, u.word,
        u.evidence, moment
      FROM unnest(c_allocations, c_positions, c_channels, c_paid, c_epochs, c_indexes, c_words,
          c_evidence)
        AS u (allocation, position, channel, paid, epoch, index, word, evidence)
      JOIN (SELECT channel, allocation, sum(amount) AS amount
              FROM unnest(pay_channels, pay_allocations, pay_amounts) AS p (channel, allocation,
                  amount)
              GROUP BY channel, allocation) p
                  ON p.channel = u.channel AND p.allocation = u.allocation
    ON CONFLICT (allocation, position) DO UPDATE SET channel_id = excluded.channel_id,
      paid = excluded.paid, paid_by_evidence = c.paid_by_evidence + excluded.paid_by_evidence,
      epoch = excluded.epoch, index = excluded.index, word = excluded.word,
      evidence = excluded.evidence, paid_at = excluded.paid_at;
  PERFORM pay_out_of(p_key, 'claim', pay_allocations, pay_channels, pay_amounts);
END $$;

-- Books payments out of allocations with the fee of each, which is a share of the total.
CREATE FUNCTION pay_out_of(p_key text, p_kind text, pay_allocations bytea[], pay_channels bytea[],
    pay_amounts numeric[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  a allocations;
  kinds text[]; debits text[]; credits text[]; assets text[];
  amounts numeric[]; refs text[]; ids bytea[]; channel_ids bytea[];
  next_fee numeric;
BEGIN
  SELECT array_agg(p_kind ORDER BY place), array_agg(allocation_account(o.id) ORDER BY place),
      array_agg(payee_account(o.payee) ORDER BY place),
      array_agg(o.asset_code || '/' || o.asset_scale ORDER BY place),
      array_agg(u.amount ORDER BY place), array_agg(p_key ORDER BY place),
      array_agg(u.allocation ORDER BY place), array_agg(u.channel ORDER BY place)
    INTO kinds, debits, credits, assets, amounts, refs, ids, channel_ids
    FROM unnest(pay_allocations, pay_channels, pay_amounts) WITH ORDINALITY AS u (allocation,
        channel, amount, place)
    JOIN allocations o ON o.id = u.allocation;
  IF cardinality(kinds) IS DISTINCT FROM cardinality(pay_allocations) THEN
    RAISE EXCEPTION 'no such allocation' USING ERRCODE = 'foreign_key_violation';
  END IF;
  FOR a IN SELECT * FROM allocations WHERE id = ANY (pay_allocations) ORDER BY id LOOP
    PERFORM require_gateway(a.gateway);
    a.paid := a.paid + (SELECT sum(amount)
        FROM unnest(pay_allocations, pay_amounts) AS u (id, amount) WHERE u.id = a.id);
    next_fee := floor(a.paid * a.fee_basis_points / 10000);
    IF next_fee > a.fee THEN
      kinds := kinds || 'fee'::text; debits := debits || payee_account(a.payee);
      credits := credits || ('fee:' || a.gateway); assets := assets || asset_of(a);
      amounts := amounts || (next_fee - a.fee); refs := refs || p_key;
      ids := ids || a.id::bytea; channel_ids := channel_ids || NULL::bytea;
    END IF;
    UPDATE allocations SET paid = a.paid, fee = next_fee,
      evidence_paid = evidence_paid + CASE p_kind WHEN 'claim' THEN a.paid - paid ELSE 0 END
      WHERE id = a.id;
  END LOOP;
  PERFORM move(kinds, debits, credits, assets, amounts, refs, ids, channel_ids);
  PERFORM note_change(id, 'paid') FROM (SELECT DISTINCT id
      FROM unnest(pay_allocations) AS u (id) ORDER BY id) d;
END $$;

CREATE FUNCTION pay_statement(p_key text, p_allocation bytea, p_sequence numeric, p_total numeric,
  p_evidence_paid numeric, p_positions bigint, p_root bytea, p_digest bytea, p_issued_at numeric,
      p_expiry numeric,
  p_gateway_signature bytea, p_fleet_signature bytea)
RETURNS numeric LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  a allocations;
  difference numeric;
BEGIN
  SELECT * INTO STRICT a FROM allocations WHERE id = p_allocation FOR UPDATE;
  PERFORM require_gateway(a.gateway);
  IF now_seconds() > p_expiry THEN
    RAISE EXCEPTION 'statement % has expired', p_sequence USING ERRCODE = 'restrict_violation';
  END IF;
  difference := greatest(0, p_total - a.paid);
  INSERT INTO statements (allocation, sequence, total, evidence_paid, positions, root, digest,
      issued_at, expiry,
      gateway_signature, fleet_signature, paid, at_seconds)
    VALUES (p_allocation, p_sequence, p_total, p_evidence_paid, p_positions, p_root, p_digest,
        p_issued_at, p_expiry,
      p_gateway_signature, p_fleet_signature, difference, now_seconds());
  UPDATE allocations SET statement_sequence = p_sequence, statement_root = p_root,
    statement_digest = p_digest, statement_positions = p_positions WHERE id = p_allocation;
  IF difference > 0 THEN
    PERFORM pay_out_of(p_key, 'statement', ARRAY[p_allocation], ARRAY[NULL::bytea],
        ARRAY[difference]);
  ELSE
    PERFORM note_change(p_allocation, 'paid');
  END IF;
  RETURN difference;
END $$;
`

/**
 * Who may do what. The roles are groups: a login gets them granted, and nobody logs in as them.
 * @module
 */

/** Made once for the whole server; other ledgers on it use the same. */
export const groupRoles = ['tickpay_owner', 'tickpay_gateway', 'tickpay_operator', 'tickpay_read']

export const GATEWAY_ROLE = 'tickpay_gateway'
export const OPERATOR_ROLE = 'tickpay_operator'

export const roles = `
-- Functions see this schema only, whatever their caller has set.
DO $$
DECLARE
  one regprocedure;
BEGIN
  FOR one IN SELECT p.oid::regprocedure FROM pg_proc p
      WHERE p.pronamespace = 'tickpay'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = tickpay, pg_temp', one);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', one);
  END LOOP;
  -- A plan that was made while tables were small must not stay a walk through all of them.
  FOR one IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
      WHERE p.pronamespace = 'tickpay'::regnamespace AND l.lanname = 'plpgsql' LOOP
    EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', one);
  END LOOP;
END $$;
REVOKE ALL ON SCHEMA tickpay FROM PUBLIC;
GRANT USAGE ON SCHEMA tickpay TO tickpay_gateway, tickpay_operator, tickpay_read;
GRANT SELECT ON ALL TABLES IN SCHEMA tickpay TO tickpay_gateway, tickpay_operator, tickpay_read;
GRANT EXECUTE ON FUNCTION now_seconds(), lock_allocations(bytea[])
  TO tickpay_gateway, tickpay_operator;
GRANT EXECUTE ON FUNCTION
  open_allocation(bytea, text, text, bytea, text, integer, integer, bytea, bytea, bytea, bigint),
  remember(text, bytea, bytea, integer),
  pay_claims(text, bytea[], bytea[], numeric[], bytea[], integer[], bytea[], numeric[], bigint[],
    integer[], bytea[], bytea[]),
  pay_statement(text, bytea, numeric, numeric, numeric, bigint, bytea, bytea, numeric, numeric,
    bytea, bytea)
  TO tickpay_gateway;
GRANT EXECUTE ON FUNCTION
  fund(bytea, numeric, text), set_aside(bytea, numeric, text),
  pay_out(text, text, numeric, text), request_withdrawal(bytea, numeric, text),
  complete_withdrawal(bytea, text)
  TO tickpay_operator;
`

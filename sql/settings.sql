-- Run after every migration and adapter. Whatever the caller's session has set, our SECURITY DEFINER functions read and write texts, times
-- and numbers the same way, and so do the functions that they call and the triggers of the user's tables. The same list as in
-- src/db/session-settings.ts; a test compares both. Functions of an adapter set their own.
do $$
declare
  c_settings constant text[] := array[
    ['DateStyle', 'ISO, MDY'], ['IntervalStyle', 'postgres'], ['TimeZone', 'UTC'], ['standard_conforming_strings', 'on'],
    ['bytea_output', 'hex'], ['extra_float_digits', '1'], ['array_nulls', 'on'], ['transform_null_equals', 'off'],
    ['quote_all_identifiers', 'off']];
  v_set      text;
  v_function regprocedure;
begin
  select pg_catalog.string_agg(pg_catalog.format('set %I to %L', c_settings[i][1], c_settings[i][2]), ' ')
    into v_set
    from pg_catalog.generate_series(1, pg_catalog.array_length(c_settings, 1)) i;
  for v_function in
    select p.oid
      from pg_catalog.pg_proc p
     where p.pronamespace = 'reaper'::regnamespace and p.prosecdef and p.prokind = 'f'
       and pg_catalog.pg_has_role(p.proowner, 'usage')
       and p.proname not in ('lock_run', 'lock_runs', 'finish', 'advance', 'has_exit_codes')
       and not exists (
             select from reaper.adapter a
              where pg_catalog.format('reaper.%I(%s)', p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
                    = any (a.functions))
  loop
    execute pg_catalog.format('alter function %s %s', v_function, v_set);
  end loop;
end
$$;

-- Two roles, cluster-wide, so they may exist already. They cannot log in by themselves: grant them to a login
-- role, or ALTER ROLE ... LOGIN.
--   reaper        the worker and the CLI: reads, and calls the functions granted in sql/grants.sql
--   reaper_probe  a host's probe: reads the view of running jobs and nothing else
do $$
declare
  v_role text;
begin
  foreach v_role in array array['reaper', 'reaper_probe'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      begin
        execute pg_catalog.format('create role %I nologin', v_role);
      exception
        when duplicate_object or unique_violation then null; -- created by a migration of another database meanwhile
        when insufficient_privilege then
          raise exception 'expected a role "%" or the right to create it, got neither: have an administrator run CREATE ROLE % NOLOGIN, then migrate again', v_role, v_role;
      end;
    end if;
  end loop;
end
$$;

comment on schema reaper is 'job-reaper: finds jobs that died while their table still calls them running';

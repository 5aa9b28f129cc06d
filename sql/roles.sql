-- Run before every migration: roles belong to the server, so a dump restored on another one lacks them. They cannot log in: grant
-- them to a login role, or ALTER ROLE ... LOGIN.
do $$
declare
  v_role text;
begin
  foreach v_role in array array['reaper', 'reaper_probe', 'reaper_worker', 'reaper_note'] loop
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
  -- migrate and doctor read as role reaper does, and reaper_note owns what runs within the queue's statements. A superuser may do that
  -- anyway; a login that may not grant the first reads as the owner.
  if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    foreach v_role in array array['reaper', 'reaper_note'] loop
      begin
        execute pg_catalog.format('grant %I to %I', v_role, current_user);
      exception
        when insufficient_privilege or invalid_grant_operation or unique_violation then null;
      end;
    end loop;
  end if;
end
$$;

"""The queries by which the shape of the schema is read: catalog rows, by name.

They run with `pg_catalog` alone in the search path. The functions ``pg_get_…``
therefore return every name with its schema, the same in all sessions.
"""

FIRST_OF_OURS = 16_384  # PostgreSQL's FirstNormalObjectId; initdb creates what is below

CATALOGS = (
    ("role", "select * from pg_roles"),
    ("schema", "select tableoid, * from pg_namespace"),
    ("member", "select classid, objid from pg_depend where deptype = 'e'"),
    (
        "grant",
        """
        select o.classid, o.objid, o.part, o.owner, a.grantee, a.privilege_type,
               a.is_grantable
          from (
                select tableoid as classid, oid as objid, 0 as part, nspowner as owner,
                       coalesce(nspacl, acldefault('n', nspowner)) as acl
                  from pg_namespace
                 union all
                select tableoid, oid, 0, relowner,
                       coalesce(relacl, acldefault(
                         case relkind when 'S' then 's'::"char" else 'r' end, relowner))
                  from pg_class
                 where oid >= 16384
                 union all
                select c.tableoid, c.oid, t.attnum, c.relowner, t.attacl
                  from pg_attribute t
                  join pg_class c on c.oid = t.attrelid
                 where t.attacl is not null and c.oid >= 16384
                 union all
                select tableoid, oid, 0, proowner,
                       coalesce(proacl, acldefault('f', proowner))
                  from pg_proc
                 where oid >= 16384
                 union all
                select tableoid, oid, 0, typowner,
                       coalesce(typacl, acldefault('T', typowner))
                  from pg_type
                 where oid >= 16384
                 union all
                select tableoid, oid, 0, defaclrole, defaclacl
                  from pg_default_acl
               ) o
         cross join lateral aclexplode(o.acl) a
        """,
    ),
    (
        "class",
        """
        select c.tableoid, c.oid, c.relname, c.relnamespace, c.relkind::text,
               c.relpersistence::text, c.relowner, c.relrowsecurity,
               c.relforcerowsecurity, c.reloptions::text, i.indisvalid,
               case when i.indexrelid is not null then pg_get_indexdef(c.oid)
                    when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid)
                    when c.relkind = 'p' then pg_get_partkeydef(c.oid)
                    else coalesce(pg_get_expr(c.relpartbound, c.oid), 'plain')
               end as definition
          from pg_class c
          left join pg_index i on i.indexrelid = c.oid
         where c.oid >= 16384
        """,
    ),
    (
        "attribute",
        """
        select c.tableoid, c.oid, a.attnum, a.attname, a.attnotnull,
               format_type(a.atttypid, a.atttypmod) as type, a.attgenerated::text,
               a.attidentity::text, a.attstattarget, l.collname,
               pg_get_expr(d.adbin, d.adrelid) as expression
          from pg_attribute a
          join pg_class c on c.oid = a.attrelid
          left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
          left join pg_collation l on l.oid = a.attcollation
         where a.attrelid >= 16384
           and a.attnum > 0
           and not a.attisdropped
           and c.relkind not in ('i', 'I')
        """,
    ),
    (
        "constraint",
        """
        select c.oid, c.conname, c.connamespace, c.conrelid, c.convalidated,
               pg_get_constraintdef(c.oid) as definition,
               case when c.contypid <> 0
                    then format_type(c.contypid, null) end as domain
          from pg_constraint c
         where c.oid >= 16384
        """,
    ),
    (
        "trigger",
        """
        select t.tgname, t.tgrelid, t.tgenabled::text, t.tgisinternal, c.conname,
               pg_get_triggerdef(t.oid) as definition,
               t.tgfoid::regproc::text as function
          from pg_trigger t
          left join pg_constraint c on c.oid = t.tgconstraint
        """,
    ),
    (
        "rule",
        """
        select rulename, ev_class, ev_enabled::text, pg_get_ruledef(oid) as definition
          from pg_rewrite
         where oid >= 16384
        """,
    ),
    (
        "policy",
        """
        select polrelid,
               format('%s %s %s %s %s %s', polname, polcmd, polpermissive,
                      array(select case r when 0 then 'public' else r::regrole::text end
                              from unnest(polroles) r),
                      pg_get_expr(polqual, polrelid),
                      pg_get_expr(polwithcheck, polrelid)) as definition
          from pg_policy
        """,
    ),
    ("child", "select inhparent, inhrelid from pg_inherits"),
    (
        "proc",
        """
        select p.tableoid, p.oid, p.proname, p.pronamespace, p.proowner, p.prosrc,
               p.probin, p.proconfig::text, l.lanname,
               pg_get_function_arguments(p.oid) as arguments,
               pg_get_function_result(p.oid) as result,
               pg_get_function_sqlbody(p.oid) as body,
               format('kind %s, definer %s, leakproof %s, strict %s, %s, parallel %s',
                      p.prokind, p.prosecdef, p.proleakproof, p.proisstrict,
                      p.provolatile, p.proparallel) as properties
          from pg_proc p
          join pg_language l on l.oid = p.prolang
         where p.oid >= 16384
        """,
    ),
    (
        "builtin",
        """
        select format('%s(%s) returns %s, kind %s, definer %s, leakproof %s, strict %s,'
                      ' %s, parallel %s, settings %s, language %s',
                      p.proname, pg_get_function_arguments(p.oid),
                      pg_get_function_result(p.oid), p.prokind, p.prosecdef,
                      p.proleakproof, p.proisstrict, p.provolatile, p.proparallel,
                      p.proconfig, l.lanname),
               p.prosrc, p.probin, pg_get_function_sqlbody(p.oid)
          from pg_proc p
          join pg_language l on l.oid = p.prolang
         where p.oid < 16384
           and p.pronamespace = 'pg_catalog'::regnamespace
        """,
    ),
    (
        "type",
        """
        select t.tableoid, t.oid, t.typname, t.typnamespace, t.typowner,
               t.typtype::text,
               format('base %s, default %s, labels %s',
                      case when t.typbasetype <> 0
                           then format_type(t.typbasetype, t.typtypmod) end,
                      t.typdefault,
                      array(select e.enumlabel from pg_enum e
                             where e.enumtypid = t.oid order by e.enumsortorder)
               ) as definition
          from pg_type t
         where t.oid >= 16384
           and t.typtype <> 'c' -- the columns are lines
           and t.typelem = 0
        """,
    ),
    (
        "event_trigger",
        """
        select evtname, evtevent, evtenabled::text, evttags::text, evtowner,
               evtfoid::regproc::text as function
          from pg_event_trigger
        """,
    ),
    (
        "default",
        """
        select tableoid, oid, defaclrole, defaclnamespace, defaclobjtype::text
          from pg_default_acl
        """,
    ),
    (
        "other",
        """
        select 'extension' as kind, format('%s %s', extname, extversion) as name
          from pg_extension
         union all
        select 'language', format('%s trusted %s', lanname, lanpltrusted)
          from pg_language
         union all
        select 'cast', format('%s to %s by %s', format_type(castsource, null),
                              format_type(casttarget, null), castfunc::regprocedure)
          from pg_cast
         where oid >= 16384
         union all
        select 'operator', format('%s by %s', oid::regoperator, oprcode)
          from pg_operator
         where oid >= 16384
         union all
        select 'operator class',
               format('%s of %s', opcname, format_type(opcintype, null))
          from pg_opclass
         where oid >= 16384
         union all
        select 'foreign data wrapper', fdwname::text from pg_foreign_data_wrapper
         union all
        select 'foreign server', srvname::text from pg_foreign_server
         union all
        select 'publication', pubname::text from pg_publication
         union all
        select 'subscription', s.subname::text
          from pg_subscription s
          join pg_database d on d.oid = s.subdbid
         where d.datname = current_database()
        """,
    ),
    (
        "group",
        """
        select * from pg_roles
         where rolname in ('iku_access', 'iku_app', 'iku_auditor', 'iku_signer',
                           'iku_vault')
        """,
    ),
    ("membership", "select roleid, member from pg_auth_members"),
    (
        "setting",
        """
        select s.setrole, c.setting
          from pg_db_role_setting s
         cross join lateral unnest(s.setconfig) as c (setting)
          left join pg_database d on d.oid = s.setdatabase
         where s.setdatabase = 0 or d.datname = current_database()
        """,
    ),
)

import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { leaseRepos, readSettings, required, SettingsError, toPolicy } from '../src/config.js';
import { DEFAULT_POLICY } from '../src/domain/types.js';

function mistakes(env: NodeJS.ProcessEnv): string[] {
  try {
    readSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.mistakes;
    throw error;
  }
  return [];
}

describe('settings', () => {
  it('have the defaults of the policy', () => {
    expect(toPolicy(readSettings({}))).toEqual({
      ...DEFAULT_POLICY,
      backstopUnknown: 'by adapter',
      confirmS: 'by adapter',
      batchAbove: 25,
    });
    expect(toPolicy(readSettings({ REAPER_INTERVAL_S: '' }))).toMatchObject({
      intervalS: DEFAULT_POLICY.intervalS,
    });
  });

  it('are read from the environment', () => {
    const settings = readSettings({
      REAPER_ENABLED: 'false',
      REAPER_INTERVAL_S: '1.5',
      REAPER_BACKSTOP_ALIVE: 'reap',
      REAPER_NAME: 'fleet-2',
      DATABASE_URL: 'postgresql://u@h/d',
    });
    expect(toPolicy(settings)).toMatchObject({ enabled: false, intervalS: 1.5, backstopAlive: 'reap' });
    expect(settings.REAPER_NAME).toBe('fleet-2');
    expect(required(settings, 'DATABASE_URL')).toBe('postgresql://u@h/d');
  });

  it.each<[string, NodeJS.ProcessEnv, string[]]>([
    [
      'a flag that is not true or false',
      { REAPER_ENABLED: 'yes' },
      ['REAPER_ENABLED: expected true or false, got "yes"'],
    ],
    ['no dead ticks', { REAPER_DEAD_TICKS: '0' }, ['REAPER_DEAD_TICKS: expected at least 1, got "0"']],
    ['half a tick', { REAPER_DEAD_TICKS: '1.5' }, ['REAPER_DEAD_TICKS: expected a whole number, got "1.5"']],
    [
      'no interval',
      { REAPER_INTERVAL_S: '0' },
      ['REAPER_INTERVAL_S: expected at least 0.1 seconds, got "0"'],
    ],
    [
      'an endless interval',
      { REAPER_INTERVAL_S: 'Infinity' },
      ['REAPER_INTERVAL_S: expected a number of seconds, got "Infinity"'],
    ],
    [
      'too many watches',
      { REAPER_MAX_WATCHES: '1501' },
      ['REAPER_MAX_WATCHES: expected at most 1500, got "1501"'],
    ],
    [
      'a grace as long as the ceiling',
      { REAPER_FINALIZE_GRACE_S: '100', REAPER_MAX_RUNNING_S: '100' },
      ['REAPER_FINALIZE_GRACE_S: expected less than REAPER_MAX_RUNNING_S (100), got "100"'],
    ],
    [
      'a watch-all limit above the maximum of watches',
      { REAPER_WATCH_ALL_LIMIT: '9', REAPER_MAX_WATCHES: '8' },
      ['REAPER_WATCH_ALL_LIMIT: expected at most REAPER_MAX_WATCHES (8), got "9"'],
    ],
    [
      'a longer time between looks than between sweeps',
      { REAPER_CONFIRM_S: '16' },
      ['REAPER_CONFIRM_S: expected at most REAPER_INTERVAL_S (15), got "16"'],
    ],
    [
      'a name with a slash',
      { REAPER_NAME: 'a/b' },
      ['REAPER_NAME: expected 1 to 100 characters of A-Z a-z 0-9 . _ -, got "a/b"'],
    ],
    [
      'a typo',
      { REAPER_INTERVALS: '5' },
      ['REAPER_INTERVALS: no such setting; did you mean "REAPER_INTERVAL_S"?'],
    ],
    [
      'an admin address without a port',
      { REAPER_ADMIN_ADDR: 'localhost' },
      [
        'REAPER_ADMIN_ADDR: expected <port> (on 127.0.0.1), <address>:<port> or [<IPv6 address>]:<port>, got "localhost"',
      ],
    ],
    [
      'a port out of range',
      { REAPER_ADMIN_ADDR: ':65536' },
      ['REAPER_ADMIN_ADDR: expected a port of at most 65535, got ":65536"'],
    ],
    [
      'a database URL that the client cannot read',
      { DATABASE_URL: 'postgres://u:secret@h:99999/d' },
      [
        'DATABASE_URL: expected a URL postgres://user:password@host:port/database that can be read (it is malformed), got "<hidden>"',
      ],
    ],
    ...['4711/hunter2', 'pa@ss', 'pa#ss', '4711?hunter2', 'a/b@c#d'].map(
      (password): [string, Record<string, string>, string[]] => [
        `a password that is not percent-encoded, such as ${password}`,
        { DATABASE_URL: `postgres://app:${password}@db/jobs` },
        [
          'DATABASE_URL: expected a URL postgres://user:password@host:port/database in which each @, /, ? and # of a name or password is percent-encoded (%40, %2F, %3F, %23), got "<hidden>"',
        ],
      ],
    ),
    [
      'several hosts in a database URL',
      { DATABASE_URL: 'postgres://app:secret@db-a:5432,db-b:5432/jobs' },
      [
        'DATABASE_URL: expected one host, got several: name the one that accepts writes, or a proxy that finds it, got "<hidden>"',
      ],
    ],
    [
      'a database URL that names a missing file',
      { DATABASE_ADMIN_URL: 'postgres://u:secret@h/d?sslrootcert=/nowhere/ca.pem' },
      [
        'DATABASE_ADMIN_URL: expected a URL postgres://user:password@host:port/database that can be read (ENOENT: no such file or directory, open \'/nowhere/ca.pem\'), got "<hidden>"',
      ],
    ],
    [
      'numbers in other notations',
      { REAPER_INTERVAL_S: '0x10', REAPER_MAX_WATCHES: '0b11', REAPER_FINALIZE_GRACE_S: '1_0' },
      [
        'REAPER_INTERVAL_S: expected a number of seconds, got "0x10"',
        'REAPER_FINALIZE_GRACE_S: expected a number of seconds, got "1_0"',
        'REAPER_MAX_WATCHES: expected a whole number, got "0b11"',
      ],
    ],
    [
      'more dead ticks than a run can live to see',
      { REAPER_DEAD_TICKS: '1001' },
      ['REAPER_DEAD_TICKS: expected at most 1000, got "1001"'],
    ],
    [
      'a host with a line break',
      { REAPER_HOST: 'host-1\n' },
      ['REAPER_HOST: expected no control characters, got "host-1\\n"'],
    ],
    [
      'repos that can have no leases',
      { MERGE_GATE_REPOS: 'web,org/api', SELF_HOSTING_REPO: '..' },
      [
        'MERGE_GATE_REPOS: expected comma-separated names of 1 to 100 characters of A-Z a-z 0-9 . _ - that do not begin with a dot, got "web,org/api"',
        'SELF_HOSTING_REPO: expected 1 to 100 characters of A-Z a-z 0-9 . _ - that do not begin with a dot, got ".."',
      ],
    ],
    [
      'a Telegram URL with a query',
      { TELEGRAM_BASE_URL: 'https://proxy.example/?secret' },
      [
        'TELEGRAM_BASE_URL: expected a URL without ? and #: the path of each call is appended to it, got "<hidden>"',
      ],
    ],
    [
      'a Telegram URL with a fragment',
      { TELEGRAM_BASE_URL: 'https://proxy.example/#' },
      [
        'TELEGRAM_BASE_URL: expected a URL without ? and #: the path of each call is appended to it, got "<hidden>"',
      ],
    ],
    [
      'TLS modes that Postgres does not know',
      {
        DATABASE_URL: 'postgres://u:secret@h/d?sslmode=requre',
        DATABASE_ADMIN_URL: 'postgres://u:secret@h/d?ssl=false',
        REAPER_GATE_DATABASE_URL: 'postgres://u:secret@h/d?sslnegotiation=fast',
        PGSSLMODE: 'requre',
      },
      [
        'DATABASE_URL: expected an sslmode of disable, prefer, require, verify-ca, verify-full, no-verify, got "<hidden>"',
        'REAPER_GATE_DATABASE_URL: expected an sslnegotiation of postgres or direct, got "<hidden>"',
        'DATABASE_ADMIN_URL: expected an ssl of true, 1, 0 or no-verify, got "<hidden>"',
        'PGSSLMODE: expected disable, prefer, require, verify-ca, verify-full, no-verify, got "requre"',
      ],
    ],
    [
      'a port that is not a number',
      { DATABASE_URL: 'postgres://u:secret@h/d?port=x' },
      [
        'DATABASE_URL: expected a URL postgres://user:password@host:port/database that can be read (it is malformed), got "<hidden>"',
      ],
    ],
    [
      'a service link with a value that no service link has',
      { REAPER_PORT: '9464', REAPER_SERVICE_HOST: 'somewhere', REAPER_PORT_80_TCP_PROTO: 'http' },
      [
        'REAPER_PORT: no such setting; did you mean "REAPER_HOST"?',
        'REAPER_SERVICE_HOST: no such setting',
        'REAPER_PORT_80_TCP_PROTO: no such setting',
      ],
    ],
    ['an unknown name with our prefix', { REAPER_COLOUR: 'red' }, ['REAPER_COLOUR: no such setting']],
    [
      'a typo in a name without our prefix',
      { DATABASE_ULR: 'x' },
      ['DATABASE_ULR: no such setting; did you mean "DATABASE_URL"?'],
    ],
  ])('reject %s', (_, env, expected) => {
    expect(mistakes(env)).toEqual(expected);
  });

  it.each([
    'ops',
    '@ops',
    '@1channel',
    '@a-channel',
    `@${'c'.repeat(33)}`,
    '1.5',
    '0',
    '-',
    '1'.repeat(17),
    '1 2',
  ])('reject the chat %s', (chat) => {
    expect(mistakes({ TELEGRAM_BOT_TOKEN: '1:x', TELEGRAM_CHAT_ID: chat })).toEqual([
      `TELEGRAM_CHAT_ID: expected a chat id (a whole number), or @ and a channel name of 4 to 32 letters, digits and _, got "${chat}"`,
    ]);
  });

  it.each(['1', '-1001234567890', '4503599627370495', '@demo', '@Channel_7', `@${'c'.repeat(32)}`])(
    'accept the chat %s',
    (chat) => {
      expect(mistakes({ TELEGRAM_BOT_TOKEN: '1:x', TELEGRAM_CHAT_ID: chat })).toEqual([]);
    },
  );

  it.each([
    ['15', 15],
    [' 15 ', 15],
    ['+1.5', 1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['1e3', 1000],
    ['15E-1', 1.5],
  ])('read the number %j', (text, seconds) => {
    expect(readSettings({ REAPER_INTERVAL_S: text }).REAPER_INTERVAL_S).toBe(seconds);
  });

  it.each([
    'postgres://',
    'postgres://h/d?sslmode=verify-full',
    'postgres://h/d?ssl=true',
    'postgres://h/d?ssl=0',
  ])('accept the database URL %s: PG* fill in what it leaves out', (url) => {
    expect(mistakes({ DATABASE_URL: url, PGSSLMODE: 'no-verify', PGHOST: 'h' })).toEqual([]);
  });

  it.each([
    ['9464', { host: '127.0.0.1', port: 9464 }],
    [':9464', { host: '127.0.0.1', port: 9464 }],
    ['0.0.0.0:9464', { host: '0.0.0.0', port: 9464 }],
    ['[::1]:9464', { host: '::1', port: 9464 }],
  ])('read the admin address %s: loopback by default', (text, address) => {
    expect(readSettings({ REAPER_ADMIN_ADDR: text }).REAPER_ADMIN_ADDR).toEqual(address);
  });

  it.each([
    [{}, ['orchestrator']],
    [{ SELF_HOSTING_REPO: 'self' }, ['self']],
    [{ MERGE_GATE_REPOS: ' web, api ,,web' }, ['web', 'api']],
    [{ MERGE_GATE_REPOS: ',', SELF_HOSTING_REPO: 'self' }, []],
  ])('name the repos whose leases are checked: %j', (env, repos) => {
    expect(leaseRepos(readSettings(env))).toEqual(repos);
  });

  it.each(['', ' ', '\t\n'])('count %j as not set: a blank grace is not 0 s', (text) => {
    expect(readSettings({ REAPER_FINALIZE_GRACE_S: text, REAPER_PIPELINE: text })).toEqual(readSettings({}));
  });

  it('ignore variables that are not ours', () => {
    expect(
      mistakes({ PATH: '/bin', DATABASE_URI: 'x', DATABASE_URL: 'postgres://h/d', TEMPORAL_ADDRESS: 'h:1' }),
    ).toEqual([]);
  });

  it('report every mistake at once, and print no secret', () => {
    const found = mistakes({
      REAPER_DEAD_TICKS: 'x',
      REAPER_INTERVAL_S: 'y',
      DATABASE_URL: 'mysql://user:secret@h/d',
    });
    expect(found).toHaveLength(3);
    expect(found.join()).not.toContain('secret');
  });

  it('report contradictions together with every other mistake', () => {
    const found = mistakes({
      REAPER_ENABELD: 'true',
      REAPER_DEAD_TICKS: 'x',
      REAPER_FINALIZE_GRACE_S: '100',
      REAPER_MAX_RUNNING_S: '100',
      REAPER_WATCH_ALL_LIMIT: '9',
      REAPER_MAX_WATCHES: '8',
      TELEGRAM_CHAT_ID: '@operators',
      REAPER_WEBHOOK_URL: 'hooks.example/secret',
    });
    expect(found).toEqual([
      'REAPER_ENABELD: no such setting; did you mean "REAPER_ENABLED"?',
      'REAPER_DEAD_TICKS: expected a whole number, got "x"',
      'REAPER_WEBHOOK_URL: expected a URL http://… or https://…, got "<hidden>"',
      'REAPER_FINALIZE_GRACE_S: expected less than REAPER_MAX_RUNNING_S (100), got "100"',
      'REAPER_WATCH_ALL_LIMIT: expected at most REAPER_MAX_WATCHES (8), got "9"',
      'TELEGRAM_BOT_TOKEN: expected it to be set, because TELEGRAM_CHAT_ID is, got nothing',
    ]);
  });

  it('are not checked for contradictions when they are invalid', () => {
    expect(
      mistakes({ REAPER_MAX_RUNNING_S: '-1', TELEGRAM_BOT_TOKEN: 'x', TELEGRAM_CHAT_ID: '@operators' }),
    ).toEqual([
      'REAPER_MAX_RUNNING_S: expected at least 1 seconds, got "-1"',
      'TELEGRAM_BOT_TOKEN: expected a token <digits>:<letters and digits>, got "<hidden>"',
    ]);
  });

  it('are all in .env.example, each once, with its default', async () => {
    const text = await readFile(new URL('../.env.example', import.meta.url), 'utf8');
    const lines = [...text.matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => ({
      name,
      value,
    }));
    const ours = lines.filter(({ name }) => !name.startsWith('TEMPORAL_'));
    const defaults = readSettings({});
    expect(ours.map(({ name }) => name).sort()).toEqual(Object.keys(defaults).sort());
    // Those without a default have an example value.
    const shown = readSettings(Object.fromEntries(ours.map(({ name, value }) => [name, value])));
    const examples = { DATABASE_URL: shown.DATABASE_URL, DATABASE_ADMIN_URL: shown.DATABASE_ADMIN_URL };
    expect(shown).toEqual({ ...defaults, ...examples, REAPER_ADMIN_ADDR: { host: '127.0.0.1', port: 9464 } });
  });

  it('name the one that a command needs', () => {
    expect(() => required(readSettings({}), 'DATABASE_URL')).toThrow(
      /DATABASE_URL: expected a postgres:\/\/ URL, got nothing/,
    );
  });
});

it('ignores what Kubernetes sets for Services named reaper, telegram and database-url', () => {
  const linksTo = (name: string, ip: string) => ({
    [`${name}_SERVICE_HOST`]: ip,
    [`${name}_SERVICE_PORT`]: '9464',
    [`${name}_SERVICE_PORT_ADMIN`]: '9464',
    [`${name}_PORT`]: `tcp://${ip.includes(':') ? `[${ip}]` : ip}:9464`,
    [`${name}_PORT_9464_TCP`]: `tcp://${ip.includes(':') ? `[${ip}]` : ip}:9464`,
    [`${name}_PORT_9464_TCP_PROTO`]: 'tcp',
    [`${name}_PORT_9464_TCP_PORT`]: '9464',
    [`${name}_PORT_9464_TCP_ADDR`]: ip,
  });
  const links = {
    ...linksTo('REAPER', '10.96.0.17'),
    ...linksTo('TELEGRAM', 'fd00::17'),
    ...linksTo('DATABASE_URL', '10.96.0.18'),
  };
  expect(readSettings({ ...links, REAPER_NAME: 'mine' })).toEqual(readSettings({ REAPER_NAME: 'mine' }));
});

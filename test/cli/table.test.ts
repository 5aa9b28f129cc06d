import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ledgerTable } from '../../src/cli/ledger.js';
import { reportTable } from '../../src/cli/report.js';
import { renderTable } from '../../src/cli/table.js';
import type { LedgerEntry } from '../../src/db/ledger.js';
import type { ReportLine } from '../../src/db/report.js';

const LONG = 'a reason of many words that goes on and on until no terminal can hold it on one line any more';

function lines(width: number | undefined, rows: (string | null)[][]): string[] {
  return stripVTControlCharacters(renderTable(['job', 'reason'], rows, width)).split('\n');
}

describe('renderTable', () => {
  test('fits the terminal and loses no word', () => {
    const table = lines(60, [['4711', LONG]]);
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(60);
    for (const word of LONG.split(' ')) expect(table.join('\n')).toContain(word);
  });

  test('breaks a word that is longer than its column', () => {
    const table = lines(40, [['x'.repeat(100), 'short']]);
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(table.join('').split('x')).toHaveLength(101);
  });

  test('keeps a row on one line without a terminal', () => {
    expect(lines(undefined, [['4711', LONG]]).filter((line) => line.includes('4711'))).toEqual([
      expect.stringContaining(LONG),
    ]);
  });

  test('shows an empty cell as a dash', () => {
    expect(lines(undefined, [['4711', null]]).join('\n')).toMatch(/4711 .* - /);
  });
});

describe('listing commands on a terminal', () => {
  const entry = {
    claimedAt: new Date(0),
    jobId: '0b6e1a5e-1f4b-4c60-9d0e-3a8a4c3b7d11',
    agent: 'release-manager',
    repo: 'orchestrator',
    host: 'builder-3.example.org',
    pid: 4_194_304,
    outcome: 'queued',
    tier: 1,
    reason: 'dead pid=4194304',
    fromStage: 'deploy-staging',
    toStage: 'deploy',
    owed: false,
  } as LedgerEntry;
  const line: ReportLine = {
    agent: 'release-manager',
    outcome: 'queued',
    tier: 1,
    runs: 1_000,
    endedByThemselves: 100,
    reaped: 10,
    stillRunning: 1,
    lastReason: 'backstop age=7200s>=7200s',
    lastAt: new Date(0),
  };
  const tables = {
    ledger: (width?: number) => ledgerTable([entry], width),
    report: (width?: number) => reportTable([line], width),
  };

  test.each(Object.entries(tables))('%s fits 80 columns, and says what it left out', (_, render) => {
    const table = stripVTControlCharacters(render(80)).split('\n');
    expect(Math.max(...table.map((row) => row.length))).toBeLessThanOrEqual(80);
    expect(table.at(-1)).toMatch(/^Hidden columns: .* \(--json shows all\)\.$/);
  });

  test.each(Object.entries(tables))('%s leaves nothing out on a wide one', (_, render) => {
    expect(render(300)).not.toContain('Hidden');
  });
});

import { messageOf } from '../domain/trouble.js';
import type { GateResult } from './types.js';

const REASON_CHARACTERS = 1000;
const EVIDENCE_CHARACTERS = 20_000;

/**
 * A result that can be stored: Postgres rejects NULs and lone surrogates in JSON, and the write of such a ledger row
 * would be retried forever.
 */
export function plainResult({ green, reason, evidence }: GateResult): GateResult {
  const shortReason = plainText(reason.slice(0, REASON_CHARACTERS));
  return evidence === undefined
    ? { green, reason: shortReason }
    : { green, reason: shortReason, evidence: plainEvidence(evidence) };
}

function plainEvidence(evidence: Record<string, unknown>): Record<string, unknown> {
  try {
    const json = plainJson(JSON.stringify(evidence, bigintAsText));
    if (json.length <= EVIDENCE_CHARACTERS) return JSON.parse(json) as Record<string, unknown>;
    return { left_out: `expected at most ${EVIDENCE_CHARACTERS} characters of evidence, got ${json.length}` };
  } catch (error) {
    return { left_out: `expected evidence that can be written as JSON, got: ${plainText(messageOf(error))}` };
  }
}

function plainText(text: string): string {
  return text.replaceAll('\0', '\uFFFD').replace(/\p{Surrogate}/gu, '\uFFFD');
}

/** In JSON text, a NUL and a lone surrogate are escapes. Other escapes are skipped as a whole, so `\\u0000` stays. */
function plainJson(json: string): string {
  return json.replace(/\\(?:u(?:0000|d[89a-f][0-9a-f]{2})|[^])/g, (escape) =>
    escape.length > 2 ? '\uFFFD' : escape,
  );
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

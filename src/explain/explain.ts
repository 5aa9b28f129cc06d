import { judge } from '../domain/policy.js';
import { FRESH_MEMORY, type Verdict } from '../domain/types.js';
import { describeControl } from './describe-control.js';
import { describeLastSweep } from './describe-sweep.js';
import { describeBlock } from './describe-block.js';
import { describeCrashes } from './describe-crashes.js';
import { describeClaim, describeWouldBe } from './describe-past.js';
import { describeProcess, livenessOf } from './describe-process.js';
import { describeRun } from './describe-run.js';
import { describeFailingProbe, describeTrouble } from './describe-trouble.js';
import { describeVerdict } from './describe-verdict.js';
import { describeHostWatch, describeWatch } from './describe-watch.js';
import type { ExplainFacts, RunningFacts, WatchFacts } from './facts.js';
import { headlineOf } from './headline.js';

/** Lines about one thing. */
export interface ExplanationSection {
  title: string;
  lines: string[];
}

/** Why a job was reaped or not. */
export interface Explanation {
  /** False if nothing is known about the job. */
  known: boolean;
  /** The answer in one sentence. */
  headline: string;
  /** The policy's verdict on one fresh observation; null if the job is not running or can never be watched. */
  verdict: Verdict | null;
  sections: ExplanationSection[];
}

/** Explains a job from the facts about it. Pure; says what it does not know. */
export function explain(facts: ExplainFacts): Explanation {
  const { jobId, control, lastSweep, running, ledger, wouldBe } = facts;
  const silentHosts = lastSweep?.summary.hostsWithoutProbe ?? [];
  const present = running === null ? null : explainRunning(facts, running, silentHosts);
  const past: ExplanationSection[] = [
    { title: 'dry run', lines: wouldBe.map(describeWouldBe) },
    { title: running === null ? 'ledger' : 'earlier runs', lines: ledger.flatMap(describeClaim) },
  ];
  const sections = [
    ...(present?.sections ?? []),
    { title: 'reaper', lines: [describeControl(control), describeLast()] },
    ...past,
  ];
  const verdict = present?.verdict ?? null;
  return {
    known: running !== null || ledger.length > 0 || wouldBe.length > 0,
    headline: headlineOf(facts, verdict),
    verdict,
    sections: sections.filter(({ lines }) => lines.length > 0),
  };

  function describeLast(): string {
    return `last sweep ${describeLastSweep(lastSweep, control.policy.intervalS)}`;
  }

  function explainRunning(
    { control: { policy } }: ExplainFacts,
    current: RunningFacts,
    silent: readonly string[],
  ): { verdict: Verdict | null; sections: ExplanationSection[] } {
    const { run, alerted, alertedUnknown, crashes, hasStages, watch } = current;
    const liveness = livenessOf(current, silent);
    const row = { title: 'run', lines: describeRun(run, liveness, policy) };
    const process = {
      title: 'process',
      lines: [
        ...describeProcess(jobId, current, liveness, silent),
        ...describeFailingProbe(run.host, lastSweep),
      ],
    };
    const block = { title: 'blocked', lines: describeBlock(current) };
    if (current.unwatchable !== null) return { verdict: null, sections: [row, process, block] };

    const observation = { run, liveness, alerted, alertedUnknown, crashes };
    const { verdict } = judge(observation, { policy, memory: FRESH_MEMORY, nowMs: facts.nowMs });
    const counted = countedBy(watch);
    const due = {
      title: 'verdict',
      lines: [
        ...describeVerdict({ observation, verdict, policy, hasStages, counted }),
        ...describeCrashes(crashes, policy),
      ],
    };
    const watched = {
      title: 'watch',
      lines: [...describeWatch(watch, policy, lastSweep), ...describeHostWatch(current.hostWatch ?? null)],
    };
    const claim = { title: 'claim', lines: describeTrouble(jobId, current.trouble) };
    return { verdict, sections: [row, process, due, block, claim, watched] };
  }
}

/** Dead observations counted so far; null if the watch could not be asked. */
function countedBy(watch: WatchFacts): number | null {
  switch (watch.kind) {
    case 'open':
      return watch.state.streak;
    case 'none':
    case 'closed':
      return 0;
    case 'silent':
    case 'unreachable':
      return null;
  }
}

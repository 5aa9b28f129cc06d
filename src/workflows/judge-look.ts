import { patched } from '@temporalio/workflow';
import { judgeBefore } from '../domain/policy-before.js';
import { judge, type JudgeContext, type Judgement } from '../domain/policy.js';
import type { Observation } from '../domain/types.js';

/**
 * The policy's verdict on one look. Histories of versions that needed only one look over the ceiling continue as they began. The marker
 * that tells them apart is written only if it makes a difference.
 */
export function judgeLook(observation: Observation, context: JudgeContext): Judgement {
  const judgement = judge(observation, context);
  const before = judgeBefore(observation, context);
  const isSame = JSON.stringify(judgement) === JSON.stringify(before);
  return isSame || patched('one-look-proves-nothing') ? judgement : before;
}

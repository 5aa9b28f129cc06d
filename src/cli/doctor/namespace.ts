import { messageOf } from '../errors.js';
import { counted } from '../../domain/wording.js';
import { fail, ok, warn, type Check } from './check.js';

const DAY_S = 86_400;
/** A weekend: with less, histories may be gone before anybody reads them. */
const MIN_DAYS = 3;
const RECOMMENDED_DAYS = 30;

/** Checks that the namespace exists, and keeps histories long enough to be read. */
export const namespaceCheck: Check = {
  name: 'namespace',
  needs: ['temporal'],
  proves: 'namespace',
  async run({ temporal, namespace }) {
    const { workflowService } = await temporal();
    let days: number;
    try {
      const { config } = await workflowService.describeNamespace({ namespace });
      days = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / DAY_S;
    } catch (error) {
      return [
        fail(
          `namespace "${namespace}"`,
          messageOf(error),
          `temporal operator namespace create --namespace ${namespace} --retention 30d`,
        ),
      ];
    }
    const expected = `histories kept for ${RECOMMENDED_DAYS} days`;
    const got = `${counted(Math.round(days * 10) / 10, 'day')} in namespace "${namespace}"`;
    if (days >= RECOMMENDED_DAYS) return [ok(expected, got)];
    const short = days < MIN_DAYS ? ': they may be gone before anybody reads them' : '';
    const todo = `temporal operator namespace update --namespace ${namespace} --retention 30d (the ledger is kept in any case)`;
    return [warn(expected, `${got}${short}`, todo)];
  },
};

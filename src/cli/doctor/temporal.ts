import { messageOf } from '../errors.js';
import { fail, ok, type Check } from './check.js';

/** Checks that Temporal answers. */
export const temporalCheck: Check = {
  name: 'temporal',
  needs: [],
  proves: 'temporal',
  async run({ temporal }) {
    try {
      const { serverVersion } = await (await temporal()).workflowService.getSystemInfo({});
      return [ok('an answer from Temporal', `version ${serverVersion}`)];
    } catch (error) {
      return [
        fail(
          'an answer from Temporal',
          messageOf(error),
          'start it, or correct TEMPORAL_ADDRESS and its credentials',
        ),
      ];
    }
  },
};

import { KEYWORD_TYPE } from '../../temporal/search-attributes.js';
import { SEARCH_ATTRIBUTES } from '../../workflows/search-attributes.js';
import { fail, ok, type Check } from './check.js';

/** The search attributes of watches are registered, unless they are to do without. */
export const searchAttributesCheck: Check = {
  name: 'search attributes',
  needs: ['temporal', 'namespace'],
  async run({ temporal, namespace, settings }) {
    const names = SEARCH_ATTRIBUTES.map(({ name }) => name);
    const expected = `${names.join(', ')} as keywords`;
    if (!settings.REAPER_SEARCH_ATTRIBUTES) return [ok('none', 'none, as REAPER_SEARCH_ATTRIBUTES says')];
    const { connection } = await temporal();
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = names.filter((name) => Number(customAttributes[name]) !== KEYWORD_TYPE);
    if (missing.length === 0) return [ok(expected, 'all of them')];
    const flags = missing.map((name) => `--name ${name} --type Keyword`).join(' ');
    const todo = `temporal operator search-attribute create --namespace ${namespace} ${flags}, or start a worker, which does it if it may`;
    return [fail(expected, `without ${missing.join(', ')}`, todo)];
  },
};

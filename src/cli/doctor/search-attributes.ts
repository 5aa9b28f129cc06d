import { KEYWORD_TYPE } from '../../temporal/search-attributes.js';
import { SEARCH_ATTRIBUTES } from '../../workflows/search-attributes.js';
import { fail, ok, type Check } from './check.js';

/** The maximum number of keyword attributes in a namespace if Temporal's visibility store is an SQL database. */
const SQL_KEYWORDS = 10;
const HOW = 'temporal operator search-attribute create';

const flagsOf = (names: readonly string[]) => names.map((name) => `--name ${name} --type Keyword`).join(' ');

/** Checks that the search attributes of watches are registered, unless they are switched off. */
export const searchAttributesCheck: Check = {
  name: 'search attributes',
  needs: ['temporal', 'namespace'],
  async run({ temporal, namespace, settings }) {
    const names = SEARCH_ATTRIBUTES.map(({ name }) => name);
    const expected = `${names.join(', ')} as keywords`;
    if (!settings.REAPER_SEARCH_ATTRIBUTES)
      return [ok('no search attributes', 'REAPER_SEARCH_ATTRIBUTES is false')];
    const { connection } = await temporal();
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = names.filter((name) => Number(customAttributes[name]) !== KEYWORD_TYPE);
    if (missing.length === 0) return [ok(expected, 'all registered')];
    const taken = Object.keys(customAttributes).filter(
      (name) => Number(customAttributes[name]) === KEYWORD_TYPE,
    ).length;
    if (taken + missing.length > SQL_KEYWORDS) {
      return [
        fail(
          expected,
          `missing: ${missing.join(', ')}, and ${taken} of the ${SQL_KEYWORDS} keywords that a namespace has with SQL visibility are taken`,
          `set REAPER_SEARCH_ATTRIBUTES=false on every worker, or remove some that nobody uses; with Elasticsearch there is no such limit: ${HOW} --namespace ${namespace} ${flagsOf(missing)}`,
        ),
      ];
    }
    const todo = `${HOW} --namespace ${namespace} ${flagsOf(missing)}, or start a worker, which registers them if it may`;
    return [fail(expected, `missing: ${missing.join(', ')}`, todo)];
  },
};

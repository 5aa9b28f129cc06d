import { parser } from '@prometheus-io/lezer-promql';

/** What a PromQL expression uses. */
export interface Asked {
  metrics: string[];
  /** Labels that it selects or groups by. */
  labels: string[];
}

/**
 * Reads a PromQL expression, with Grafana's variables.
 *
 * @throws SyntaxError for an invalid expression
 */
export function readPromql(expression: string): Asked {
  const text = expression.replaceAll(/\$__(rate_interval|range|interval)/g, '5m').replaceAll('$job', 'x');
  const asked: Asked = { metrics: [], labels: [] };
  parser
    .configure({ strict: true })
    .parse(text)
    .iterate({
      enter({ name, from, to, node }) {
        const word = text.slice(from, to);
        if (name === 'Identifier' && node.parent?.name === 'VectorSelector') asked.metrics.push(word);
        if (name === 'LabelName') asked.labels.push(word);
      },
    });
  return asked;
}

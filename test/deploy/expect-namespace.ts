import { Connection } from '@temporalio/client';
import { expect } from 'vitest';

/** 30 days. */
const RETENTION_S = 30 * 24 * 3600;

/** Checks that the namespace is as docker-compose.yml sets it up: it keeps histories for 30 days, and has the search attributes. */
export async function expectNamespace(address: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    const { workflowService, operatorService } = connection;
    const { config } = await workflowService.describeNamespace({ namespace: 'default' });
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(RETENTION_S);
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace: 'default' });
    expect(Object.keys(customAttributes)).toEqual(
      expect.arrayContaining(['ReaperHost', 'ReaperJob', 'ReaperOutcome']),
    );
  } finally {
    await connection.close();
  }
}

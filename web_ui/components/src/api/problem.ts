/** An error of the platform as it tells it: `application/problem+json` with a stable code. */
export class PlatformProblem extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    readonly data: Record<string, unknown> = {},
  ) {
    super(message);
    this.name = 'PlatformProblem';
  }
}

/** The platform did not answer at all. */
export class Unreachable extends PlatformProblem {
  constructor(cause: unknown) {
    super('unreachable', 'The platform does not answer. It is tried again by itself.', 0, {
      cause: String(cause),
    });
  }
}

export async function problemOf(response: Response): Promise<PlatformProblem> {
  const text = await response.text();
  try {
    const found = JSON.parse(text) as {
      code?: string;
      detail?: string;
      title?: string;
      data?: Record<string, unknown>;
    };
    return new PlatformProblem(
      found.code ?? `http-${response.status}`,
      found.detail ?? found.title ?? text,
      response.status,
      found.data ?? {},
    );
  } catch {
    return new PlatformProblem(
      `http-${response.status}`,
      text.slice(0, 300) || response.statusText,
      response.status,
    );
  }
}

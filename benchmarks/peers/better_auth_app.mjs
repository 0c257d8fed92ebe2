// better-auth on Hono as its documentation shows it: sessions in PostgreSQL, asked for at each request or kept in a
// signed cookie for a while ("cookie cache"), with our parameters of Argon2.

import { serve } from "@hono/node-server";
import { hash, verify } from "@node-rs/argon2";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { Hono } from "hono";
import pg from "pg";

const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const port = Number(process.env.BENCH_PORT);
const database = new pg.Pool({ connectionString: process.env.BENCH_DATABASE.replace("+asyncpg", "") });

function made(basePath, session) {
  return betterAuth({
    database,
    basePath,
    session,
    baseURL: `http://127.0.0.1:${port}`,
    secret: "kT3vX9mQ7rB2nW5zL8cF1hJ6pD4sG0yA",
    emailAndPassword: {
      enabled: true,
      password: { hash: (password) => hash(password, ARGON2), verify: ({ hash, password }) => verify(hash, password) },
    },
    rateLimit: { enabled: false }, // it would refuse the load
  });
}

const kept = made("/auth", {});
// Longer than a run: an answer that renews the cookie goes to a client that keeps none.
const cached = made("/cached", { cookieCache: { enabled: true, maxAge: 24 * 60 * 60 } });
await (await getMigrations(kept.options)).runMigrations();

const app = new Hono();
for (const [auth, prefix, me] of [
  [kept, "/auth", "/me"],
  [cached, "/cached", "/cached-me"],
]) {
  app.on(["POST", "GET"], `${prefix}/*`, (c) => auth.handler(c.req.raw));
  app.get(me, async (c) => {
    const session = await auth.api.getSession({ headers: c.req.raw.headers });
    if (session === null) return c.json({ detail: "Unauthorized" }, 401);
    return c.json({ id: session.user.id, email: session.user.email });
  });
}
serve({ fetch: app.fetch, port, hostname: "127.0.0.1" });

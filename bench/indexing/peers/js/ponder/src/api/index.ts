// Ponder's own ways to read, and how many events can be read, for the benchmark to see when all are there.
import {Hono} from 'hono'
import {db} from 'ponder:api'
import schema, {event} from 'ponder:schema'
import {client, count, eq, graphql} from 'ponder'

const app = new Hono()
app.use('/graphql', graphql({db, schema}))
app.use('/sql/*', client({db, schema}))
app.get('/count', async (c) => c.json((await db.select({n: count()}).from(event))[0].n))
app.get('/event/:id', async (c) => {
    const rows = await db.select().from(event).where(eq(event.id, c.req.param('id')))
    return rows.length ? c.json(rows[0]) : c.body(null, 404)
})
export default app

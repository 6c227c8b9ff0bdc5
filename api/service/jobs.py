"""Jobs as the index has them: a number comes in, the row goes out, now or when it has come as far as is asked."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from api.service.refusals import Absent
from api.service.stories import Stories, Story
from api.service.telling import Event, told_by_chain
from indexer.explorer.explorer import Explorer
from indexer.explorer.rows import JobRow, ReceiptRow
from receipts.content.access import Content, ContentError
from receipts.request import BadRequest, Request, parse


class UnknownJob(Absent):
    """No job has that number."""

    remedy = "Check the number; /explorer/v1/jobs lists all jobs."


class Jobs:
    """Reads jobs, waits for their changes, and keeps the stories of those that somebody follows."""

    def __init__(self, explorer: Explorer, content: Content, stories: Stories) -> None:
        self._explorer, self._content, self._stories = explorer, content, stories

    async def find(self, job_id: int) -> JobRow | None:
        return await asyncio.to_thread(self._explorer.queries.job, job_id)

    async def get(self, job_id: int) -> JobRow:
        """Raises UnknownJob."""
        job = await self.find(job_id)
        if job is None:
            raise UnknownJob(f"there is no job {job_id}")
        return job

    async def receipt(self, job_id: int) -> ReceiptRow | None:
        return await asyncio.to_thread(self._explorer.queries.receipt, job_id)

    async def wait(self, job_id: int, until: Callable[[JobRow | None], bool], timeout_s: float) -> JobRow | None:
        """The job's row once `until` holds of it, or as it is when the time is up."""
        deadline = time.monotonic() + timeout_s
        while True:
            version = self._explorer.version
            job = await self.find(job_id)
            left_s = deadline - time.monotonic()
            if until(job) or left_s <= 0:
                return job
            await self._explorer.changed(version, left_s)

    async def answer(self, job: JobRow) -> str | None:
        """The answer's text, where there is one and its bytes are at hand."""
        if job.response_cid is None:
            return None
        try:
            return (await self._content.get(job.response_cid)).decode(errors="replace")
        except ContentError:
            return None

    async def prompt(self, job: JobRow) -> Request | None:
        """What was asked, where its bytes are at hand and say anything."""
        try:
            return parse(await self._content.get(job.prompt_cid))
        except (ContentError, BadRequest):
            return None

    async def story(self, job_id: int) -> Story:
        """What is told of the job, up to date with the index. Raises UnknownJob."""
        version = self._explorer.version
        held = self._stories.held(job_id)
        if held is not None and held.index_version == version:
            return held
        job = await self.find(job_id)
        if job is None and held is None:
            raise UnknownJob(f"there is no job {job_id}")
        answer = None if held is not None or job is None else await self.answer(job)
        story = self._stories.open(job_id)
        if version >= story.index_version:
            story.index_version = version
            story.tell_chain(told_by_chain(job), answer)
        return story

    async def follow(self, job_id: int, after: int, heartbeat_s: float) -> AsyncGenerator[Event | None, None]:
        """The job's events above `after`, then as they come. Raises UnknownJob, TooManyStreams, FellBehind."""
        await self.story(job_id)
        async with aclosing(self._stories.read(job_id, after, heartbeat_s)) as events:
            async for event in events:
                yield event

    async def keep_up(self) -> None:
        """Tells readers of every change of their jobs, until cancelled."""
        version = self._explorer.version
        while True:
            for job_id in self._stories.followed():
                await self.story(job_id)
            version = await self._explorer.changed(version, timeout_s=1.0)

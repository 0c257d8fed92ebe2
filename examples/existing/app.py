"""A shop with customers and orders of its own, and now with sign-in."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from models import Customer, Order
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from fam_auth import Auth, CurrentUser, events, install
from fam_auth.exceptions import Forbidden
from fam_auth.features.password import Password
from fam_auth.models import Email, User

DATABASE = os.environ.get("DATABASE_URL", "sqlite+aiosqlite:///./shop.db")
engine = create_async_engine(DATABASE)
sessions = async_sessionmaker(engine)
auth = Auth(DATABASE, features=[Password()])


@auth.on(events.EmailVerified, events.UserClaimed)
async def recognize(event: events.UserEvent, db: AsyncSession) -> None:
    """Who reads the mailbox is the customer of that address: not before it is proved, or anybody could say so."""
    customer = await db.scalar(select(Customer).where(func.lower(Customer.email) == await address_of(event, db)))
    if customer is None:
        customer = Customer(email=await address_of(event, db))
        db.add(customer)
        await db.flush()
    await db.execute(update(User).where(User.id == event.user_id).values(key=str(customer.id)))


@auth.on(events.EmailChanged, events.EmailChangeUndone)
async def follow(event: events.UserEvent, db: AsyncSession) -> None:
    """The customer moves along with the user."""
    key = await db.scalar(select(User.key).where(User.id == event.user_id))
    await db.execute(update(Customer).where(Customer.id == int(key)).values(email=await address_of(event, db)))


async def address_of(event: events.UserEvent, db: AsyncSession) -> str:
    return (await db.scalars(select(func.lower(Email.address)).where(Email.user_id == event.user_id))).one()


async def current_customer(user: CurrentUser) -> Customer:
    """`user.key` is our own number of them, which sessions carry: this asks for the row alone."""
    if user.key is None:  # made by an operator, who has to say which customer they are
        raise Forbidden("You are no customer yet.")
    async with sessions() as db:
        return await db.get_one(Customer, int(user.key))


CurrentCustomer = Annotated[Customer, Depends(current_customer)]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)
install(app, auth)


@app.get("/orders")
async def orders(customer: CurrentCustomer) -> list[str]:
    async with sessions() as db:
        return list(await db.scalars(select(Order.title).where(Order.customer_id == customer.id).order_by(Order.id)))


@app.post("/orders", status_code=201)
async def order(customer: CurrentCustomer, title: str) -> int:
    async with sessions.begin() as db:
        made = Order(customer_id=customer.id, title=title)
        db.add(made)
        await db.flush()
        return made.id

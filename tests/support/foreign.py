"""Programs for an environment of their own, in which the real libraries are: they make users and hashes."""

PACKAGES = (
    "fastapi-users[sqlalchemy]",
    "django<5",  # the last that has all of its old hashes
    "werkzeug>=2.3,<3",  # has the old ones and the new
    "passlib",
    "argon2-cffi",
    "bcrypt<5",  # passlib asks for 73 bytes
    "aiosqlite",
    "asyncpg",
    "psycopg[binary]",
    "httpx",
)

# Prints hashes by kind and password, as hashes.json has them.
HASHES = r"""
import json, os, sys, warnings

warnings.simplefilter("ignore")
from django.conf import settings

HASHERS = "Argon2 PBKDF2 PBKDF2SHA1 BCryptSHA256 BCrypt Scrypt MD5 SHA1 UnsaltedSHA1 UnsaltedMD5"
settings.configure(PASSWORD_HASHERS=[f"django.contrib.auth.hashers.{one}PasswordHasher" for one in HASHERS.split()])
from django.contrib.auth import hashers as django
from fastapi_users.password import PasswordHelper
from passlib import hash as passlib
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher
from werkzeug.security import generate_password_hash as werkzeug


def django_cheap(name, attribute, cost):
    hasher = type(django.get_hasher(name))()
    setattr(hasher, attribute, cost)
    return lambda password: hasher.encode(password, hasher.salt())


passlib.argon2.set_backend("argon2_cffi")


MAKERS = {
    "fastapi-users": PasswordHelper().hash,
    "pwdlib argon2": Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1).hash,
    "pwdlib bcrypt": BcryptHasher(rounds=10).hash,
    "django pbkdf2_sha256": lambda password: django.make_password(password, hasher="pbkdf2_sha256"),
    "django pbkdf2_sha256 of 1000": django_cheap("pbkdf2_sha256", "iterations", 1000),
    "django pbkdf2_sha1": django_cheap("pbkdf2_sha1", "iterations", 1000),
    "django argon2": lambda password: django.make_password(password, hasher="argon2"),
    "django bcrypt": django_cheap("bcrypt", "rounds", 4),
    "django bcrypt_sha256": django_cheap("bcrypt_sha256", "rounds", 10),
    "django scrypt": lambda password: django.make_password(password, hasher="scrypt"),
    **{
        f"django {name}": lambda password, name=name: django.make_password(password, hasher=name)
        for name in ("md5", "sha1", "unsalted_md5", "unsalted_sha1")
    },
    **{
        f"werkzeug {name}": lambda password, name=name: werkzeug(password, method=name)
        for name in ("scrypt", "scrypt:131072:8:1", "pbkdf2", "pbkdf2:sha1:1000", "pbkdf2:sha512:1000", "md5", "sha256")
    },
    "passlib argon2i": passlib.argon2.using(type="I", time_cost=3, memory_cost=256, parallelism=2).hash,
    "passlib argon2d": passlib.argon2.using(type="D", time_cost=3, memory_cost=65536).hash,
    "passlib bcrypt 2a": passlib.bcrypt.using(rounds=4, ident="2a").hash,
    "passlib bcrypt 2y": passlib.bcrypt.using(rounds=4, ident="2y").hash,
    "passlib bcrypt_sha256 1": passlib.bcrypt_sha256.using(rounds=4, version=1).hash,
    "passlib bcrypt_sha256 2": passlib.bcrypt_sha256.using(rounds=4, version=2).hash,
    "passlib pbkdf2_sha1": passlib.pbkdf2_sha1.using(rounds=1000).hash,
    "passlib pbkdf2_sha256": passlib.pbkdf2_sha256.using(rounds=1000).hash,
    "passlib pbkdf2_sha512": passlib.pbkdf2_sha512.using(rounds=210000).hash,
    "passlib scrypt": passlib.scrypt.using(rounds=10).hash,
    "passlib sha256_crypt": passlib.sha256_crypt.using(rounds=5000).hash,
    "passlib sha512_crypt": passlib.sha512_crypt.using(rounds=1500).hash,
}
PASSWORDS = ["seventeen green llamas", "p\u00e4ssw\u00f6rd \ufb01ve \u2460", "long " * 20, "x"]
print(json.dumps({name: {one: make(one) for one in PASSWORDS} for name, make in MAKERS.items()}, indent=1))
"""

# An application with fastapi-users: people register over HTTP, each writes a post. Arguments: URL, how many.
FASTAPI_USERS = r"""
import asyncio, sys, uuid
import httpx
from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users.password import PasswordHelper
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher
from sqlalchemy import ForeignKey, select, update
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase): ...
class User(SQLAlchemyBaseUserTableUUID, Base): ...
class Post(Base):
    __tablename__ = "post"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id"))

engine = create_async_engine(sys.argv[1])
make_session = async_sessionmaker(engine, expire_on_commit=False)
CHEAP = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
# The usual one takes 0.1 s: every hundredth has it.
HELPERS = [
    PasswordHelper(),
    *[PasswordHelper(PasswordHash((CHEAP,))), PasswordHelper(PasswordHash((BcryptHasher(rounds=4),)))] * 50,
][:100]
number = 0

class Users(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = verification_token_secret = "secret"

async def manager():
    async with make_session() as session:
        yield Users(SQLAlchemyUserDatabase(session, User), HELPERS[number % 100])

backend = AuthenticationBackend("jwt", BearerTransport("login"), lambda: JWTStrategy("secret" * 8, 3600))
fastapi_users = FastAPIUsers[User, uuid.UUID](manager, [backend])
app = FastAPI()
app.include_router(fastapi_users.get_register_router(schemas.BaseUser[uuid.UUID], schemas.BaseUserCreate))
app.include_router(fastapi_users.get_auth_router(backend))

async def main():
    global number
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as http:
        for number in range(int(sys.argv[2])):
            body = {"email": f"User{number}@example.com", "password": f"password of user {number}"}
            assert (await http.post("/register", json=body)).status_code == 201
        form = {"username": body["email"], "password": body["password"]}
        assert (await http.post("/login", data=form)).status_code == 200
    async with make_session.begin() as session:
        for user in await session.scalars(select(User)):
            of = int(user.email.partition("@")[0][4:])
            user.is_verified, user.is_active = of % 50 != 1, of % 100 != 2
            session.add(Post(user_id=user.id))
    await engine.dispose()

asyncio.run(main())
"""

# A project of Django with users in groups. Arguments: the engine, the database's name, its port, how many.
DJANGO = r"""
import sys
import django
from django.conf import settings
from django.contrib.auth import hashers

class Pbkdf2(hashers.PBKDF2PasswordHasher):
    iterations = 1000
class Bcrypt(hashers.BCryptSHA256PasswordHasher):
    rounds = 4
class Scrypt(hashers.ScryptPasswordHasher):
    work_factor = 1024

OLD = [f"django.contrib.auth.hashers.{one}PasswordHasher" for one in ("MD5", "SHA1", "UnsaltedSHA1", "UnsaltedMD5")]
engine, name, port, count = sys.argv[1:]
where = {"HOST": "127.0.0.1", "PORT": port, "USER": "postgres"} if engine == "postgresql" else {}
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": f"django.db.backends.{engine}", "NAME": name, **where}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    PASSWORD_HASHERS=["__main__.Pbkdf2", "__main__.Bcrypt", "__main__.Scrypt", *OLD],
)
django.setup()
from django.contrib.auth.models import Group, User
from django.core.management import call_command

call_command("migrate", verbosity=0)
group = Group.objects.create(name="people")
hashers_there = [one.algorithm for one in hashers.get_hashers()]
for number in range(int(count)):
    user = User(username=f"user{number}", email=f"User{number}@example.com", first_name="User", last_name=str(number))
    user.is_active = number % 100 != 2
    made = hashers.make_password(f"password of user {number}", hasher=hashers_there[number % len(hashers_there)])
    user.password = made
    user.save()
    group.user_set.add(user)
assert user.check_password(f"password of user {number}")
"""

# Prints a CSV file as an application with Werkzeug's hashes would. Argument: how many.
WERKZEUG = r"""
import sys, warnings
from werkzeug.security import generate_password_hash
warnings.simplefilter("ignore")
METHODS = ["pbkdf2:sha256:1000", "scrypt:1024:8:1", "pbkdf2:sha1:100", "sha256", "md5"]
print("id,email,password_hash")
for number in range(int(sys.argv[1])):
    made = generate_password_hash(f"password of user {number}", METHODS[number % len(METHODS)])
    print(f"{number},User{number}@example.com,{made}")
"""

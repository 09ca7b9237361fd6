"""Static English tables of the ranking. General knowledge only; plain words, stemmed at load."""

# lemma: forms. Applied to documents and queries before stemming.
IRREGULAR = """
apologize: apologise
arise: arisen arose
awake: awoke awoken
bad: worse worst
bear: bore borne
beat: beaten
become: became
begin: began begun
behavior: behaviour
bend: bent
bite: bit bitten
bleed: bled
blow: blew blown
break: broke broken
breed: bred
bring: brought
build: built
burn: burnt
buy: bought
catalog: catalogue
catch: caught
center: centre
child: children
choose: chose chosen
cling: clung
color: colour
come: came
cozy: cosy
creep: crept
deal: dealt
defense: defence
dialog: dialogue
dig: dug
draw: drawn drew
dream: dreamt
drink: drank drunk
drive: driven drove
eat: ate eaten
fall: fallen fell
favorite: favourite
feed: fed
feel: felt
fight: fought
find: found
flavor: flavour
flee: fled
fly: flew flown
foot: feet
forbid: forbade forbidden
forget: forgot forgotten
forgive: forgave forgiven
freeze: froze frozen
get: got gotten
give: gave given
go: gone went
good: best better
goose: geese
gray: grey
grow: grew grown
half: halves
hang: hung
hear: heard
hide: hid hidden
hold: held
honor: honour
humor: humour
jewelry: jewellery
keep: kept
kneel: knelt
knife: knives
know: knew known
labor: labour
lay: laid
lead: led
leaf: leaves
learn: learnt
leave: left
lend: lent
license: licence
life: lives
light: lit
loaf: loaves
lose: lost
make: made
man: men
mean: meant
meet: met
mom: mama mommy mum mummy
mother: mothers
mouse: mice
neighbor: neighbour
organize: organise
pajama: pyjama pyjamas
pay: paid
person: people
practice: practise
program: programme
realize: realise
recognize: recognise
ride: ridden rode
ring: rang rung
rise: risen rose
run: ran
say: said
see: saw seen
seek: sought
sell: sold
send: sent
sew: sewn
shake: shaken shook
shelf: shelves
shine: shone
shoot: shot
show: shown
shrink: shrank shrunk
sing: sang sung
sink: sank sunk
sit: sat
sleep: slept
slide: slid
speak: spoke spoken
speed: sped
spend: spent
spin: spun
spring: sprang sprung
stand: stood
steal: stole stolen
stick: stuck
sting: stung
strike: struck
swear: swore sworn
sweep: swept
swim: swam swum
swing: swung
take: taken took
teach: taught
tear: tore torn
tell: told
theater: theatre
thief: thieves
think: thought
throw: threw thrown
tire: tyre
tooth: teeth
travel: traveled traveler traveling travelled traveller travelling
understand: understood
wake: woke woken
wear: wore worn
weave: wove woven
wife: wives
win: won
wind: wound
wolf: wolves
woman: women
write: written wrote
"""

# word: related words; symmetric. Query side only.
RELATED = """
ability: skill
abroad: foreign overseas
accept: agree approve
accident: crash
accomplish: achieve proud
ache: pain
achieve: reach
achievement: milestone proud success
acquire: buy get
activity: hobby
actor: actress cast
admire: hero respect
adopt: adoption
adore: love
adult: grown
advantage: benefit
adventure: explore trip
advice: suggestion tip
affect: impact
afford: money
affordable: cheap
afraid: fear scared
age: old
aim: goal
airport: flight plane
allergic: allergy
allow: let permit
alone: lonely single
always: constantly
ancient: old
angry: mad
animal: pet
anniversary: celebrate
announce: reveal
announcement: news
annual: year yearly
antique: old
anxious: nervous stress worry
apartment: flat
app: application software
appreciate: thank thankful value
aquarium: fish
area: neighborhood place region
argue: fight
argument: disagree fight
army: military
arrange: organize plan
arrive: reach
art: painting
article: blog magazine
artist: musician painter
assist: help
attend: go join participate
attitude: outlook
attract: draw
audience: crowd
author: writer
automobile: car
award: prize
baby: child infant newborn pregnant toddler
back: return
backpack: bag
bag: purse
bake: bread cook
ban: forbid
band: music musician
bank: money
bar: pub
bargain: deal
bathroom: shower
battle: fight war
beach: coast island ocean surf
bear: birth
beautiful: gorgeous lovely
because: reason
bedroom: room
beef: meat
beer: drink
begin: start
beginner: new
belief: faith
believe: faith trust
belong: own
berry: fruit
better: improve
beverage: drink
bicycle: bike
big: large
bird: feather
birth: born
birthday: celebration
blog: magazine post
boat: kayak sail
bond: connect
bone: fracture
book: novel read
boot: shoe
bored: boring
borrow: lend loan
boss: manager
box: pack package
boyfriend: partner
brand: company
brave: courage
break: crack damage
breakfast: morning
breakup: divorce split
bride: wedding
bridge: river
bright: light
broad: wide
brother: sibling
buddy: friend
build: make
bus: ride
business: company startup
buy: get order purchase
cabin: lodge
cafe: coffee restaurant
cake: dessert
call: name phone
calm: peace quiet relax
camera: photo photography
camp: camping outdoors tent
campaign: election
camping: tent
cancer: tumor
candy: sweet
cap: hat
car: drive garage vehicle
cardiac: heart
career: job occupation profession professional work
cash: money
cat: kitten kitty pet
celebrate: celebration party
celebration: festival party
ceramic: clay pottery
certificate: certification diploma
chair: furniture
challenge: difficult obstacle
change: transform transition
character: personality
characteristic: quality trait
charity: donate foundation fundraiser organization volunteer
chat: conversation talk
chef: cook
chicken: meat
child: daughter kid son toddler
childhood: kid young
chill: cold
choose: decide pick select
chore: task
christmas: holiday
church: pray religion religious
citizen: citizenship
city: town
class: course lesson study
clay: pottery
clean: tidy
clever: smart
client: customer
climb: hike
clinic: hospital
clip: video
close: near shut
clothes: clothing outfit
club: group
coach: mentor train
code: program programming
cold: cool
colleague: coworker team
collect: collection
college: school university
color: colour
community: group local neighborhood
company: firm
competition: contest tournament
complete: finish full
complex: complicated
computer: laptop pc
concern: worry
concert: gig music show
conference: convention seminar
connect: relationship
contest: tournament
conversation: talk
cook: kitchen recipe
cope: deal handle
cosmetic: makeup
cost: expensive price
couch: furniture sofa
counseling: counselor therapy
counselor: therapist
country: nation
course: study workshop
craft: handmade
create: design develop invent make
crime: steal theft
crisis: emergency
crop: harvest
crowd: people
cry: tear
culture: heritage tradition
custom: tradition
dad: father parent
daily: day
damage: destroy
dance: dancer
danger: dangerous risk
dark: night
date: romantic
dating: relationship
daughter: kid
dawn: sunrise
deal: discount handle
death: die funeral loss
debt: loan
decade: years
decide: decision
decline: refuse
decor: decoration
decorate: decoration
decrease: lower reduce
degree: diploma education graduate
deliver: delivery
depart: leave
desert: dry
desire: want
desk: table
dessert: sweet
destroy: ruin
developer: engineer programmer
device: gadget machine
die: pass
diet: eat food
difficult: hard tough
difficulty: struggle
diner: restaurant
dinner: meal
director: film
dirty: mess
disadvantage: downside drawback
discount: sale
discover: explore find learn
discuss: talk
disease: illness
dish: food recipe
display: exhibition
distant: far
divorce: separate
doctor: physician
dog: pet pup puppy
donate: donation give
door: window
drama: theater
draw: drawing sketch
dream: goal hope
dress: outfit
drink: wine
drive: road roadtrip
drop: fall
drug: medicine
dumb: stupid
dusk: sunset
duty: responsibility task
eager: excited
early: morning
earn: make
easy: simple
eat: restaurant
economic: economy
educate: education
education: school
effect: impact influence
election: politics president vote
email: letter message
embrace: hug
employ: hire work
empty: vacant
encourage: motivate support
end: final finish
engaged: engagement fiance proposal
engineer: engineering
enhance: improve
enjoy: fun hobby like love
equality: rights
equipment: gear tool
ethnic: race
evening: night sunset
event: gathering
exam: test
excited: thrilled
exercise: fitness gym workout
exhausted: tired
exhibit: exhibition gallery museum
exhibition: gallery
expect: wait
experiment: test
expert: professional
eye: vision
face: overcome
fair: festival
faith: god religion religious spiritual
fake: lie
fall: slip
family: relative
farm: ranch
fast: quick speed
fat: overweight weight
father: parent
fear: scared
feel: touch
fiance: partner
film: movie video
final: last
finance: money
financial: money
find: locate
fire: firefighter layoff
first: initial
fitness: healthy
fix: repair solution solve
flatmate: roommate
flavor: spice taste
flight: fly plane
flower: garden
flu: virus
folk: people
food: meal snack
forest: tree wood
forget: lose
frequent: often
frequently: often regular
friend: pal
fund: fundraise fundraiser money
fundraise: raise
fundraiser: raise
funny: humor joke laugh
furniture: sofa
gallery: museum
game: match sport
garden: plant yard
gay: lgbtq
gear: tool
gender: transgender
generous: kind
genre: type
get: obtain receive
getaway: vacation
gift: present talent
girlfriend: partner
glad: happy
goal: purpose
government: politics
grade: score
graduate: graduation
grandad: grandfather
grandfather: grandpa
grandma: grandmother
grandmother: granny
grass: lawn
grateful: thank thankful
grief: loss mourn
group: organization team
grow: increase plant
guest: visitor
guide: lead mentor
guitar: instrument
gym: workout
hair: haircut
happy: joy
hardship: struggle
headache: migraine
heal: recover
health: healthy
hear: listen
heavy: weight
height: tall
help: support volunteer
heritage: tradition
hidden: secret
highway: road
hike: outdoors trail walk
hill: mountain
hire: recruit
hobby: interest pastime
holiday: vacation
home: hometown house
honest: truth
honor: respect
hope: wish
horse: ride
host: organize
hot: warm
hotel: resort stay
house: roof
hug: kiss
humor: laugh
hurricane: storm
hurt: injure injury pain
husband: partner spouse
idea: thought
idle: lazy
ill: sick
image: photo
immigrant: immigration
impact: influence
important: meaningful significant value
increase: raise
influence: inspire
injure: injury
inspiration: motivation
inspire: motivate
instruct: teach
instructor: teacher
instrument: piano violin
intelligent: smart
intend: plan
internet: online
interview: meeting
invest: investment
investigate: research
investment: investor
invitation: invite
issue: problem
item: object product thing
jewelry: necklace ring
job: occupation position profession work
jog: run
join: member participate
journey: trip
jump: leap
justice: rights
keep: retain store
kid: son
kind: nice type
kitten: pet
knit: sew
lake: water
lamp: light
landlord: rent
late: night
laugh: smile
launch: open release start
law: lawyer legal
lead: leadership
leader: leadership
learn: study
lease: rent
leave: quit
lesson: teach
letter: mail
lgbtq: queer transgender
like: love
little: small
live: reside
local: nearby
location: place
look: search
lose: loss misplace
loud: noise
love: romantic
lunch: meal noon
make: produce
manage: run
map: route
marathon: race run
march: parade protest
marriage: marry
marry: wedding
meaningful: significant
meat: steak
medication: medicine pill
medicine: pill
meet: meeting
memories: memory
memory: remember
mention: say
mentor: mentoring
message: text
method: technique way
midnight: night
migrate: move
military: war
miss: skip
model: role
modern: new
mom: mother parent
money: save tax
month: monthly
morning: sunrise
mother: mum parent
mountain: peak
move: relocate
music: song
musician: singer
name: nickname title
nature: outdoor outdoors
near: nearby
necklace: pendant
need: require
neighbor: neighborhood
nervous: worry
never: not
new: recent
news: newspaper
nice: polite
normal: usual
object: thing
occupation: work
ocean: sea
odd: strange
officer: police
often: regular
old: vintage
online: website
operation: surgery
opinion: think view
organize: plan
outcome: result
own: possess
package: parcel
paint: painting
part: role
partner: relationship spouse wife
passport: travel
path: route trail
pay: salary spend
peace: peaceful
peaceful: quiet
perform: performance show stage
performance: show
personality: trait
pet: puppy
phone: smartphone
photo: photographer photography picture
photograph: picture
place: spot
plan: schedule strategy
plant: seed
play: theater
podcast: radio show
poem: poetry
point: score
political: politics
pool: swim
poor: poverty
position: role
post: share
practice: train
presentation: speech talk
pressure: stress
problem: trouble
program: software
project: work
promise: vow
promote: promotion
proposal: propose
protest: rally
publication: publish
publish: release
pupil: student
quality: trait
quiet: shy
quit: resign
race: run
rail: train
rain: storm weather wet
rarely: seldom
rash: skin
recall: remember
recommend: suggest suggestion
recover: recovery
refuse: reject
relax: unwind
religious: spiritual
remain: stay
remember: remind
remodel: renovate
renovate: repair
reptile: snake turtle
rescue: save
research: study
researcher: scientist
reunion: reunite
rich: wealthy
river: stream
road: roadtrip street
roadtrip: trip
rob: steal
sad: upset
safe: secure
salary: wage
sale: sell
saturday: weekend
say: tell
scent: smell
school: university
science: scientist
screenplay: script
sculpture: statue
search: seek
see: view watch
seminar: workshop
series: show
shirt: top
shock: surprise
shoe: sneaker
shop: store
short: small
sibling: sister
sick: symptom
single: unmarried
site: website
ski: snow
skill: talent
slim: thin
slow: slowly
snow: weather
soldier: veteran
solution: solve
sort: type
speak: talk
special: unique
speech: talk
spouse: wife
stage: theater
steal: theft
story: tale
strange: weird
strength: strong
stroll: walk
succeed: success
sugar: sweet
sunday: weekend
sunny: weather
surf: wave
surprise: unexpected
task: work
teach: tutor
teen: teenager youth
television: tv
therapist: therapy
therapy: treatment
tour: tourist visit
training: workshop
travel: trip visit
tree: wood
trip: vacation visit
vegan: vegetarian
vegetable: veggie
victory: win
view: watch
volunteer: volunteering
want: wish
weak: weakness
week: weekly
write: writer
year: yearly
young: youth
"""

# class: members; the query names the class, the text a member. Query side only, one way.
CLASSES = """
activity: hike camp paint swim run dance read cook
animal: dog cat bird horse fish bear deer
art: painting drawing sculpture pottery sketch photography
book: novel series story author trilogy
city: london paris york tokyo boston seattle chicago berlin rome barcelona
clothes: shirt dress shoe jacket coat hat
color: red blue green yellow orange purple pink black white brown
country: usa england france spain italy germany japan china india canada
country: mexico brazil australia ireland scotland sweden greece thailand
degree: bachelor master phd graduate
dessert: cake cookie pie pudding chocolate brownie cupcake
device: phone laptop computer tablet watch
drink: coffee tea beer wine juice water soda cocktail
emotion: happy sad angry afraid proud excited anxious
exercise: yoga run gym jog swim pilates weights cardio cycling hike boxing
family: mother father brother sister son daughter parent kid
family: wife husband grandmother grandfather aunt uncle cousin
feel: happy sad proud excited nervous grateful relieved
feeling: happy sad proud excited nervous grateful
food: pizza pasta salad soup bread cheese chicken rice sandwich fish vegetable fruit
fruit: apple banana orange strawberry grape blueberry
furniture: desk chair table sofa couch bed shelf
game: chess card puzzle console
hobby: read paint write cook game photography garden knit draw dance
holiday: christmas easter thanksgiving halloween hanukkah
illness: flu cold cancer fever diabetes
injury: sprain ankle knee break wound
instrument: guitar piano violin drum flute clarinet saxophone
instrument: trumpet cello keyboard ukulele harp bass
jewelry: necklace ring bracelet pendant earring
job: teacher doctor nurse engineer manager lawyer intern
language: english spanish french german italian chinese japanese
meal: breakfast lunch dinner supper
music: rock jazz classical pop rap
nature: mountain forest lake beach river park sunset
outdoor: hike camp kayak climb
outdoors: hike camp park trail
pet: dog cat puppy kitten bird fish hamster rabbit parrot turtle
place: park beach museum restaurant cafe lake
relative: aunt uncle cousin grandmother grandfather niece nephew
season: spring summer autumn fall winter
sibling: brother sister
sport: basketball football soccer tennis baseball volleyball hockey golf swim
sport: run cricket rugby boxing surf ski skate cycling
state: california texas florida oregon washington colorado arizona
subject: math history science biology physics
transport: car bus train plane
vegetable: carrot tomato potato broccoli spinach
vehicle: car truck bus van motorcycle
weather: rain snow storm sun wind cloud fog
"""
